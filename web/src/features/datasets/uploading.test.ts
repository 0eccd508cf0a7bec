import { expect, test } from "vitest";
import { nameInAddress } from "./uploading";

test.each([
  ["https://example.org/open/Trips%202024.csv.gz?key=1", "Trips-2024"],
  [" http://example.org/ ", "example.org"],
  ["https://example.org/%E0%A4%A.parquet", "E0-A4-A"],
])("%s suggests the name %s", (address, name) => {
  expect(nameInAddress(address)).toBe(name);
});

test.each(["", "example.org/trips.csv", "ftp://example.org/trips.csv", "https://", "javascript:alert(1)"])(
  "%j is no address to fetch from",
  (text) => {
    expect(nameInAddress(text)).toBeNull();
  },
);
