import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";

export type Asked = {
  name: string;
  label: string;
  type?: "text" | "email" | "password" | "date";
  autoComplete?: string;
  hint?: string;
  value?: string;
  required?: boolean;
};
type Props = {
  fields: Asked[];
  action: string;
  onSubmit: (given: Record<string, string>) => Promise<void>;
  wide?: boolean;
};

/** Fields and one button: what is wrong with a field stands below it, what else is wrong above the button. */
export function AccountForm({ fields, action, onSubmit, wide = true }: Props) {
  const { t } = useTranslation();
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const submit = async (form: HTMLFormElement) => {
    const given = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    setBusy(true);
    setProblems({});
    try {
      await onSubmit(given);
    } catch (error) {
      const known = error instanceof Problem ? Object.entries(error.fields).filter(([name]) => name in given) : [];
      const words = error instanceof Error ? error.message : t("failed.unknown");
      setProblems(known.length ? Object.fromEntries(known) : { "": words });
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      {fields.map(({ name, label, hint, value, required = true, type = "text", autoComplete }) => (
        <TextField
          key={name}
          name={name}
          label={label}
          type={type}
          hint={hint}
          required={required}
          defaultValue={value}
          autoComplete={autoComplete}
          problem={problems[name]}
        />
      ))}
      {problems[""] ? (
        <div role="alert">
          <Note tone="bad">{problems[""]}</Note>
        </div>
      ) : null}
      <Button type="submit" kind="primary" size={wide ? "wide" : "small"} busy={busy}>
        {action}
      </Button>
    </form>
  );
}

/** What came of it, in place of the form. */
export function AccountDone({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <div role="status" className="space-y-4">
      <Note>{children}</Note>
      {action}
    </div>
  );
}
