import i18n from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { setSession } from "@/api/session";
import { AccountDone, AccountForm, type Asked } from "./account-form";

type Props = { options: Api["SignInOptions"]; invitation?: string; email?: string; onDone: () => void };

/** A new account; where the hub asks for an age, also the date of birth and, for the young, a guardian. */
export function SignUpForm({ options, invitation, email = "", onDone }: Props) {
  const { t } = useTranslation();
  const [state, setState] = useState<"verify_email" | "guardian" | null>(null);
  if (state) return <AccountDone>{t(state === "guardian" ? "signUp.guardian" : "signUp.verify")}</AccountDone>;
  const domains = options.registration === "domain" ? t("signUp.domains", { domains: options.domains.join(", ") }) : "";
  const fields: Asked[] = [
    { name: "display_name", label: t("field.displayName"), autoComplete: "name" },
    {
      name: "email",
      label: t("field.email"),
      type: "email",
      autoComplete: "username",
      value: email,
      ...(domains && { hint: domains }),
    },
    {
      name: "password",
      label: t("field.password"),
      type: "password",
      autoComplete: "new-password",
      hint: t("signUp.characters", { amount: options.password_characters_min }),
    },
  ];
  if (options.age_min > 0) {
    fields.push(
      { name: "birth_date", label: t("field.birthDate"), type: "date", autoComplete: "bday" },
      {
        name: "guardian_email",
        label: t("field.guardianEmail"),
        type: "email",
        required: false,
        hint: t("signUp.guardianHint", { age: options.age_min }),
      },
    );
  }
  return (
    <AccountForm
      action={t("signUp.action")}
      fields={fields}
      onSubmit={async (given) => {
        const { data } = await client.POST("/api/v1/registrations", {
          body: {
            email: (given.email ?? "").trim(),
            password: given.password ?? "",
            display_name: given.display_name ?? "",
            invitation: invitation ?? null,
            birth_date: given.birth_date || null,
            guardian_email: given.guardian_email || null,
            locale: i18n.language.slice(0, 2),
          },
        });
        if (data?.state === "signed_in") {
          setSession("signed_in");
          onDone();
        } else setState(data?.state ?? "verify_email");
      }}
    />
  );
}
