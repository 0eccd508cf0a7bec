import { hubPath } from "@/api/root";

export function Brand() {
  return (
    <span className="flex items-center gap-2">
      <img src={hubPath("icon.svg")} alt="" width={24} height={24} className="size-6" />
      <span className="text-lg font-semibold tracking-tight">Lyceum</span>
    </span>
  );
}
