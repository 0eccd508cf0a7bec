import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { FormDialog } from "@/features/form-dialog";
import { Checkbox } from "@/ui/checkbox";
import { TextArea, TextField } from "@/ui/field";
import { wordsOf } from "./provider-dialog";

type Program = Api["OauthClient"];
type Props = {
  program: Program | null;
  onClose: () => void;
  onDone: (made: Api["OauthClientMade"] | null) => void;
};

/** A program whose people sign in through the hub, new or as it is to be. */
export function ProgramDialog({ program, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const save = async (given: FormData) => {
    const body = {
      title: String(given.get("title")).trim(),
      redirect_uris: wordsOf(given, "redirect_uris"),
      sign_out_uris: wordsOf(given, "sign_out_uris"),
      back_channel_logout_url: String(given.get("back_channel_logout_url")).trim() || null,
      asks_consent: given.has("asks_consent"),
    };
    if (program) {
      await client.PUT("/api/v1/admin/oauth-clients/{client_id}", {
        params: { path: { client_id: program.id }, header: { "If-Match": `"${program.revision}"` } },
        body,
      });
      onDone(null);
    } else {
      const { data } = await client.POST("/api/v1/admin/oauth-clients", { body });
      onDone(data ?? null);
    }
    onClose();
  };
  return (
    <FormDialog
      wide
      title={program ? t("admin.signOn.edit", { name: program.title }) : t("admin.programs.new")}
      action={t("action.save")}
      onClose={onClose}
      onSubmit={save}
    >
      {(problems) => (
        <>
          <TextField
            label={t("admin.programs.title")}
            hint={t("admin.programs.titleHint")}
            name="title"
            required
            maxLength={100}
            defaultValue={program?.title}
            problem={problems.title}
          />
          <TextArea
            label={t("admin.programs.redirects")}
            hint={t("admin.programs.redirectsHint")}
            name="redirect_uris"
            required
            spellCheck={false}
            defaultValue={program?.redirect_uris.join("\n")}
            problem={problems.redirect_uris}
          />
          <TextArea
            label={t("admin.programs.signOuts")}
            name="sign_out_uris"
            rows={2}
            spellCheck={false}
            defaultValue={program?.sign_out_uris.join("\n")}
            problem={problems.sign_out_uris}
          />
          <TextField
            label={t("admin.programs.backChannel")}
            hint={t("admin.programs.backChannelHint")}
            name="back_channel_logout_url"
            type="url"
            defaultValue={program?.back_channel_logout_url ?? ""}
            problem={problems.back_channel_logout_url}
          />
          <Checkbox
            name="asks_consent"
            label={t("admin.programs.consent")}
            hint={t("admin.programs.consentHint")}
            defaultChecked={program?.asks_consent ?? true}
          />
        </>
      )}
    </FormDialog>
  );
}
