import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { FormDialog } from "@/features/form-dialog";
import { TextField } from "@/ui/field";
import { SelectField } from "@/ui/select";

type Props = { path: { org: string; name: string }; onClose: () => void; onMade: () => void };
type Security = Api["StreamSecurity"];
type Protocol = NonNullable<Security["protocol"]>;

const PROTOCOLS = ["plaintext", "tls", "sasl_plaintext", "sasl_tls"] as const;
const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
const FORMATS = [
  { value: "json", label: "JSON" },
  { value: "avro", label: "Avro" },
  { value: "protobuf", label: "Protobuf" },
] as const;
const STARTS = ["earliest", "latest"] as const;

/** Asks which topic of which brokers is to be read. */
export function StreamDialog({ path, onClose, onMade }: Props) {
  const { t } = useTranslation();
  const [protocol, setProtocol] = useState<Protocol>("plaintext");
  const withPassword = protocol.startsWith("sasl");
  const make = async (given: FormData) => {
    const text = (field: string) => String(given.get(field) ?? "").trim();
    const security: Security = withPassword
      ? {
          protocol,
          mechanism: MECHANISMS.find((one) => one === given.get("mechanism")) ?? "PLAIN",
          username: text("username"),
          password: String(given.get("password")),
        }
      : { protocol };
    await client.POST("/api/v1/datasets/{org}/{name}/streams", {
      params: { path },
      body: {
        name: text("name"),
        servers: text("servers")
          .split(/[\s,]+/)
          .filter(Boolean),
        topic: text("topic"),
        format: FORMATS.find((one) => one.value === given.get("format"))?.value ?? "json",
        start: STARTS.find((one) => one === given.get("start")) ?? "earliest",
        security,
      },
    });
    onMade();
  };
  return (
    <FormDialog
      title={t("stream.add")}
      description={t("stream.addText")}
      action={t("stream.add")}
      onClose={onClose}
      onSubmit={make}
    >
      {(problems) => (
        <>
          <TextField name="name" label={t("stream.name")} required maxLength={100} problem={problems.name} />
          <TextField
            name="servers"
            label={t("stream.servers")}
            hint={t("stream.serversHint")}
            required
            autoComplete="off"
            spellCheck={false}
            problem={problems.servers}
          />
          <TextField
            name="topic"
            label={t("stream.topic")}
            required
            maxLength={249}
            autoComplete="off"
            spellCheck={false}
            problem={problems.topic}
          />
          <div className="grid gap-4 sm:grid-cols-2">
            <SelectField name="format" label={t("stream.format")} options={[...FORMATS]} />
            <SelectField
              name="start"
              label={t("stream.start")}
              options={STARTS.map((value) => ({ value, label: t(`stream.startOf.${value}`) }))}
            />
          </div>
          <SelectField
            label={t("stream.protocol")}
            value={protocol}
            onChange={(event) => setProtocol(PROTOCOLS.find((one) => one === event.target.value) ?? "plaintext")}
            options={PROTOCOLS.map((value) => ({ value, label: t(`stream.protocolOf.${value}`) }))}
          />
          {withPassword ? (
            <>
              <SelectField
                name="mechanism"
                label={t("stream.mechanism")}
                options={MECHANISMS.map((value) => ({ value, label: value }))}
              />
              <TextField name="username" label={t("stream.username")} required autoComplete="off" />
              <TextField
                name="password"
                type="password"
                label={t("stream.password")}
                required
                autoComplete="new-password"
                problem={problems.password}
              />
            </>
          ) : null}
        </>
      )}
    </FormDialog>
  );
}
