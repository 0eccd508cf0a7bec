import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import i18n from "i18next";
import { Send } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client } from "@/api/client";
import { hubPath } from "@/api/root";
import { FormDialog } from "@/features/form-dialog";
import { useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Code } from "@/ui/code";
import { Failed } from "@/ui/failed";
import { TextField } from "@/ui/field";
import { PageHead } from "@/ui/page-head";
import { SelectField } from "@/ui/select";
import { Skeleton } from "@/ui/skeleton";
import { TabPanel, Tabs } from "@/ui/tabs";
import { toast } from "@/ui/toast";

const FORMS = ["html", "text"] as const;
type Form = (typeof FORMS)[number];
type Search = { letter?: string; language?: string; form?: Form };

export const Route = createFileRoute("/_app/admin/mail")({
  validateSearch: (search: Record<string, unknown>): Search => {
    const form = FORMS.find((one) => one === search.form);
    return {
      ...(typeof search.letter === "string" && { letter: search.letter }),
      ...(typeof search.language === "string" && { language: search.language }),
      ...(form && { form }),
    };
  },
  component: Mail,
});

function Mail() {
  const { t } = useTranslation();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const [trying, setTrying] = useState(false);
  const query = useQuery({ ...api.queryOptions("get", "/api/v1/admin/mail/templates"), staleTime: Infinity });
  const templates = query.data?.templates ?? [];
  const names = [...new Set(templates.map((one) => one.name))];
  const languages = [...new Set(templates.map((one) => one.language))];
  const name = names.find((one) => one === search.letter) ?? names[0];
  const language =
    languages.find((one) => one === search.language) ??
    languages.find((one) => i18n.language.startsWith(one)) ??
    languages[0];
  const letter = templates.find((one) => one.name === name && one.language === language);
  const show = (next: Search) => void navigate({ search: { ...search, ...next }, replace: true });
  return (
    <>
      <PageHead
        title={t("admin.page.mail")}
        facts={t("admin.mailText")}
        actions={
          <Button onClick={() => setTrying(true)}>
            <Send size={15} aria-hidden />
            {t("admin.mail.try")}
          </Button>
        }
      />
      <div className="mb-4 grid grid-cols-2 gap-3 sm:max-w-xl">
        <SelectField
          label={t("admin.mail.letter")}
          value={name ?? ""}
          options={names.map((value) => ({ value, label: value.replaceAll("_", " ") }))}
          onChange={(event) => show({ letter: event.target.value })}
        />
        <SelectField
          label={t("account.language")}
          value={language ?? ""}
          options={languages.map((value) => ({ value, label: languageName(value) }))}
          onChange={(event) => show({ language: event.target.value })}
        />
      </div>
      {query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card title={letter?.subject ?? <Skeleton className="h-4 w-60" />}>
        <Tabs
          label={t("admin.mail.letter")}
          value={search.form ?? "html"}
          onChange={(next) => show({ form: FORMS.find((one) => one === next) ?? "html" })}
          tabs={FORMS.map((value) => ({ value, label: t(`admin.mail.${value}`) }))}
        >
          <TabPanel value="html">
            <div className="h-[36rem] overflow-hidden rounded-md border border-line bg-white">
              {letter ? <Letter letter={letter} /> : null}
            </div>
          </TabPanel>
          <TabPanel value="text">{letter ? <Code label={letter.subject}>{letter.text}</Code> : null}</TabPanel>
        </Tabs>
      </Card>
      {trying ? <TryMail onClose={() => setTrying(false)} /> : null}
    </>
  );
}

/** A letter as its reader's mail program shows it; nothing in it runs, and its links lead nowhere. */
function Letter({ letter }: { letter: Api["LetterTemplate"] }) {
  return (
    <iframe
      key={letter.html_path}
      title={letter.subject}
      sandbox=""
      src={hubPath(letter.html_path.replace(/^\//, ""))}
      // as its reader sees it by day, whatever the theme here
      className="size-full scheme-light"
    />
  );
}

function TryMail({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <FormDialog
      title={t("admin.mail.try")}
      description={t("admin.mail.tryText")}
      action={t("admin.mail.send")}
      onClose={onClose}
      onSubmit={async (given) => {
        const { data } = await client.POST("/api/v1/admin/mail/test", { body: { to: String(given.get("to")) } });
        if (data) toast(t("admin.mail.sent", { to: data.to, server: data.server }));
        onClose();
      }}
    >
      {(problems) => (
        <TextField
          label={t("field.email")}
          name="to"
          type="email"
          required
          defaultValue={me.email ?? ""}
          problem={problems.to}
        />
      )}
    </FormDialog>
  );
}

const languageName = (code: string) =>
  new Intl.DisplayNames([i18n.language || "en"], { type: "language" }).of(code) ?? code;
