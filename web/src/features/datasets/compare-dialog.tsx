import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { FormDialog } from "@/features/form-dialog";
import { Checkbox } from "@/ui/checkbox";
import { SelectField } from "@/ui/select";

type Props = {
  org: string;
  name: string;
  /** Versions whose rows are there, the newest first. */
  numbers: number[];
  columns: Api["ColumnOut"][];
  onClose: () => void;
  onBegun: (diff: string) => void;
};

/** Which two versions to compare, and by which columns their rows are known. */
export function CompareDialog({ org, name, numbers, columns, onClose, onBegun }: Props) {
  const { t } = useTranslation();
  const options = numbers.map((number) => ({ value: String(number), label: t("dataset.version", { number }) }));
  return (
    <FormDialog
      title={t("compare.title")}
      description={t("compare.text")}
      action={t("compare.begin")}
      onClose={onClose}
      onSubmit={async (given) => {
        const { data } = await client.POST("/api/v1/datasets/{org}/{name}/diffs", {
          params: { path: { org, name } },
          body: {
            before: Number(given.get("before")),
            after: Number(given.get("after")),
            key: given.getAll("key").map(String),
          },
        });
        if (data) onBegun(data.id);
      }}
    >
      {(problems) => (
        <>
          <div className="grid grid-cols-2 gap-4">
            <SelectField
              name="before"
              label={t("compare.before")}
              defaultValue={String(numbers[1] ?? numbers[0])}
              options={options}
              problem={problems.before ?? ""}
            />
            <SelectField
              name="after"
              label={t("compare.after")}
              defaultValue={String(numbers[0])}
              options={options}
              problem={problems.after ?? ""}
            />
          </div>
          <fieldset>
            <legend className="text-sm font-medium">{t("compare.key")}</legend>
            <p className="mt-0.5 text-xs text-fg-3">{t("compare.keyHint")}</p>
            <div className="mt-2 max-h-48 overflow-y-auto rounded-md border border-line px-3 py-1">
              {columns.map((column) => (
                <Checkbox
                  key={column.name}
                  name="key"
                  value={column.name}
                  label={<span className="break-words">{column.name}</span>}
                />
              ))}
            </div>
          </fieldset>
        </>
      )}
    </FormDialog>
  );
}
