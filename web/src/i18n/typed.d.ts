import "i18next";
import type admin from "./admin.en.json";
import type data from "./data.en.json";
import type en from "./en.json";
import type incidents from "./incidents.en.json";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof en & typeof admin & typeof data & typeof incidents };
  }
}
