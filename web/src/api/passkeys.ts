import i18n from "i18next";
import type { Api } from "./client";

type Options = Api["PasskeyOptions"];

/** Whether this browser makes and uses passkeys at this address: they are made for names, never for numbers. */
export const arePasskeysHere = () =>
  typeof PublicKeyCredential === "function" &&
  typeof PublicKeyCredential.parseRequestOptionsFromJSON === "function" &&
  !/^[\d.]+$|^\[/.test(location.hostname);

/** What an authenticator has signed; throws an error whose words are for the reader. */
export async function signed(options: Options): Promise<Api["SignedCredential"]> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(
    options.publicKey as unknown as PublicKeyCredentialRequestOptionsJSON,
  );
  return taken(() => navigator.credentials.get({ publicKey }));
}

/** A passkey that an authenticator has made; throws an error whose words are for the reader. */
export async function made(options: Options): Promise<Api["CreatedCredential"]> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    options.publicKey as unknown as PublicKeyCredentialCreationOptionsJSON,
  );
  return taken(() => navigator.credentials.create({ publicKey }));
}

async function taken<T>(ask: () => Promise<Credential | null>): Promise<T> {
  try {
    const credential = (await ask()) as PublicKeyCredential | null;
    if (credential) return credential.toJSON() as T;
  } catch (error) {
    throw new Error(wordsFor(error));
  }
  throw new Error(i18n.t("passkey.cancelled"));
}

function wordsFor(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "AbortError") return i18n.t("passkey.cancelled");
  if (name === "InvalidStateError") return i18n.t("passkey.present");
  if (name === "SecurityError") return i18n.t("passkey.address");
  return i18n.t("passkey.failed");
}
