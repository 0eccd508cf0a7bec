import i18n from "i18next";

const KEYS = {
  sign_on_already_connected: "signOn.alreadyConnected",
  sign_on_connected_elsewhere: "signOn.connectedElsewhere",
  sign_on_email_taken: "signOn.emailTaken",
  sign_on_grant_refused: "signOn.refused",
  sign_on_not_admitted: "signOn.notAdmitted",
  sign_on_provider_away: "signOn.away",
  sign_on_provider_not_found: "signOn.notFound",
  sign_on_provider_unusable: "signOn.unusable",
  sign_on_refused: "signOn.refused",
  sign_on_stale: "signOn.stale",
} as const;

/** What went wrong on the way back from a provider, by its code in the address. */
export const signOnProblem = (code: string): string =>
  i18n.t(code in KEYS ? KEYS[code as keyof typeof KEYS] : "signOn.failed");
