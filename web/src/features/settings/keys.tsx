import { useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { ago, moment } from "@/i18n/format";
import { useMe } from "@/shell/me";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Checkbox } from "@/ui/checkbox";
import { Code } from "@/ui/code";
import { Confirm } from "@/ui/confirm";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

/** Keys for programs: what each may do, when it ends; the secret is shown once. */
export default function Keys() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Api["ApiKey"] | null>(null);
  const options = api.queryOptions("get", "/api/v1/api-keys", { params: { query: { limit: 100 } } });
  const query = useQuery(options);
  const anew = () => queries.invalidateQueries({ queryKey: options.queryKey });
  const revoke = api.useMutation("delete", "/api/v1/api-keys/{key_id}", {
    onSuccess: anew,
    onError: (error: unknown) => toast(error instanceof Error ? error.message : t("failed.unknown"), { tone: "bad" }),
  });
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const add = (
    <Button kind="primary" onClick={() => setMaking(true)}>
      <Plus size={15} aria-hidden />
      {t("settings.newKey")}
    </Button>
  );
  return (
    <>
      <p className="mb-4 text-fg-2">{t("settings.keysText")}</p>
      <Card flush title={t("settings.keys")} actions={add}>
        {query.data ? (
          query.data.items.length ? (
            <ul className="divide-y divide-line">
              {query.data.items.map((key) => (
                <KeyRow key={key.id} apiKey={key} onRevoke={() => setRevoking(key)} />
              ))}
            </ul>
          ) : (
            <Empty icon={KeyRound} title={t("settings.noKeys")} action={add} />
          )
        ) : (
          <SkeletonRows rows={3} />
        )}
      </Card>
      {making ? (
        <NewKey
          onClose={() => {
            setMaking(false);
            void anew();
          }}
        />
      ) : null}
      <Confirm
        open={revoking !== null}
        onClose={() => setRevoking(null)}
        title={t("settings.revokeOf", { name: revoking?.name ?? "" })}
        text={t("settings.revokeText", { name: revoking?.name ?? "" })}
        action={t("settings.revoke")}
        onConfirm={async () => {
          if (revoking) await revoke.mutateAsync({ params: { path: { key_id: revoking.id } } }).catch(() => undefined);
        }}
      />
    </>
  );
}

function KeyRow({ apiKey, onRevoke }: { apiKey: Api["ApiKey"]; onRevoke: () => void }) {
  const { t } = useTranslation();
  const facts = [
    t("settings.made", { when: ago(apiKey.created_at) }),
    apiKey.expires_at ? t("settings.expires", { when: moment(apiKey.expires_at) }) : "",
  ];
  return (
    <li className="flex min-h-15 flex-wrap items-center gap-3 px-4 py-2.5">
      <span className="min-w-0 flex-1">
        <span className="flex items-center gap-2 font-medium">
          <span className="truncate">{apiKey.name}</span>
          <span className="mono font-normal text-fg-3">{`lyk_${apiKey.prefix}…`}</span>
        </span>
        <span className="block truncate text-sm text-fg-3">{facts.filter(Boolean).join(" · ")}</span>
        <span className="block text-xs break-words text-fg-3">{apiKey.scopes.join(", ")}</span>
      </span>
      {apiKey.revoked_at ? (
        <Badge>{t("settings.revoked")}</Badge>
      ) : (
        <Button aria-label={t("settings.revokeOf", { name: apiKey.name })} onClick={onRevoke}>
          {t("settings.revoke")}
        </Button>
      )}
    </li>
  );
}

function NewKey({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const powers = useMe().powers.filter((power) => !power.startsWith("hub:"));
  const [problem, setProblem] = useState("");
  const make = api.useMutation("post", "/api/v1/api-keys", {
    onError: (error: unknown) => setProblem(error instanceof Error ? error.message : t("failed.unknown")),
  });
  if (make.data) {
    return (
      <Dialog open title={make.data.name}>
        <Note tone="warn" className="mb-3">
          {t("settings.keyOnce")}
        </Note>
        <Code label={make.data.name}>{make.data.secret}</Code>
        <DialogActions>
          <Button kind="primary" onClick={onClose}>
            {t("settings.done")}
          </Button>
        </DialogActions>
      </Dialog>
    );
  }
  return (
    <Dialog open onClose={onClose} title={t("settings.newKey")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          setProblem("");
          make.mutate({
            body: { name: String(form.get("name")), scopes: form.getAll("scope").map(String), expires_at: null },
          });
        }}
      >
        <TextField label={t("field.keyName")} name="name" required maxLength={100} problem={problem} />
        <fieldset className="mt-4">
          <legend className="text-sm font-medium">{t("settings.scopes")}</legend>
          <div className="grid sm:grid-cols-2">
            {powers.map((power) => (
              <Checkbox
                key={power}
                name="scope"
                value={power}
                label={<span className="mono">{power}</span>}
                defaultChecked={/:read$|predict$/.test(power)}
              />
            ))}
          </div>
        </fieldset>
        <DialogActions>
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button type="submit" kind="primary" busy={make.isPending}>
            {t("settings.makeKey")}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
