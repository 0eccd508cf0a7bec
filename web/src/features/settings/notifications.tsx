import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { kindName } from "@/features/inbox/words";
import { moment } from "@/i18n/format";
import { Card } from "@/ui/card";
import { Checkbox } from "@/ui/checkbox";
import { Failed } from "@/ui/failed";
import { SelectField } from "@/ui/select";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { PushCard } from "./push";

type Preferences = Api["Preferences"];
type Channel = Api["ChannelWish"]["channel"];
const OPTIONS = api.queryOptions("get", "/api/v1/notification-preferences");
const CHANNELS = ["inbox", "mail", "push"] as const satisfies Channel[];
const PACES = ["at_once", "daily", "weekly", "never"] as const satisfies Preferences["mail_pace"][];
const GRID = "md:grid md:grid-cols-[minmax(0,1fr)_repeat(3,6rem)] md:items-center md:gap-x-3";

type Change = { wanted: Preferences; before: Preferences | undefined };

/** By which ways one is told what: each change is kept at once. */
export default function Notifications() {
  const query = useQuery(OPTIONS);
  const change = useMutation({
    mutationKey: ["notification-preferences"],
    // one after another, so that the last one holds
    scope: { id: "notification-preferences" },
    mutationFn: async ({ wanted }: Change) => {
      const { data } = await client.PUT("/api/v1/notification-preferences", { body: asChange(wanted) });
      return data;
    },
    onError: (error, { before }) => {
      queryClient.setQueryData(OPTIONS.queryKey, before);
      toast(saidBy(error), { tone: "bad" });
    },
    onSuccess: (data) => {
      if (queryClient.isMutating({ mutationKey: ["notification-preferences"] }) <= 1 && data)
        queryClient.setQueryData(OPTIONS.queryKey, data);
    },
  });
  const keep = (wanted: Preferences) => {
    const before = queryClient.getQueryData<Preferences>(OPTIONS.queryKey);
    void queryClient.cancelQueries({ queryKey: OPTIONS.queryKey });
    // within the click, so that no box goes back for a moment
    queryClient.setQueryData(OPTIONS.queryKey, wanted);
    change.mutate({ wanted, before });
  };
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton className="h-[48rem] w-full rounded-lg" />;
  return (
    <div className="max-w-3xl space-y-4">
      <Kinds preferences={query.data} onChange={keep} />
      <Pace preferences={query.data} onChange={keep} />
      <PushCard />
    </div>
  );
}

type Part = { preferences: Preferences; onChange: (wanted: Preferences) => void };

function Kinds({ preferences, onChange }: Part) {
  const { t } = useTranslation();
  const set = (kind: string, channel: Channel, wanted: boolean) =>
    onChange({
      ...preferences,
      kinds: preferences.kinds.map((one) =>
        one.kind === kind
          ? { ...one, channels: one.channels.map((way) => (way.channel === channel ? { ...way, wanted } : way)) }
          : one,
      ),
    });
  return (
    <Card flush title={t("notify.kinds")}>
      <div aria-hidden className={`hidden border-b border-line px-4 py-2 text-sm font-medium text-fg-2 ${GRID}`}>
        <span>{t("notify.kindsText")}</span>
        {CHANNELS.map((channel) => (
          <span key={channel}>{t(`notify.${channel}`)}</span>
        ))}
      </div>
      <ul className="divide-y divide-line">
        {preferences.kinds.map((kind) => {
          const name = kindName(kind.kind, t);
          const isSafety = kind.channels.some((way) => way.always);
          return (
            <li key={kind.kind}>
              <fieldset className={`px-4 py-2 ${GRID}`}>
                <legend className="sr-only">{name}</legend>
                <span className="min-w-0">
                  <span aria-hidden className="block font-medium">
                    {name}
                  </span>
                  {isSafety ? <span className="block text-xs text-fg-3">{t("notify.always")}</span> : null}
                </span>
                <div className="flex gap-5 md:contents">
                  {CHANNELS.map((channel) => {
                    const way = kind.channels.find((one) => one.channel === channel);
                    return (
                      <Checkbox
                        key={channel}
                        checked={way?.wanted ?? false}
                        disabled={way?.always ?? true}
                        onChange={(event) => set(kind.kind, channel, event.target.checked)}
                        label={<span className="md:sr-only">{t(`notify.${channel}`)}</span>}
                      />
                    );
                  })}
                </div>
              </fieldset>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function Pace({ preferences, onChange }: Part) {
  const { t } = useTranslation();
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const isDigest = preferences.mail_pace === "daily" || preferences.mail_pace === "weekly";
  const zones = [...new Set([preferences.zone, here, ...Intl.supportedValuesOf("timeZone")])];
  return (
    <Card title={t("notify.mail")}>
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField
          label={t("notify.pace")}
          hint={t("notify.mailText")}
          value={preferences.mail_pace}
          options={PACES.map((value) => ({ value, label: t(`notify.${value}`) }))}
          onChange={(event) => {
            const pace = PACES.find((one) => one === event.target.value);
            const isFirst = preferences.next_digest_at === null && preferences.zone === "UTC";
            if (pace) onChange({ ...preferences, mail_pace: pace, zone: isFirst ? here : preferences.zone });
          }}
        />
        {isDigest ? (
          <SelectField
            label={t("notify.zone")}
            hint={t("notify.zoneHint")}
            value={preferences.zone}
            options={zones.map((zone) => ({ value: zone, label: zone.replaceAll("_", " ") }))}
            onChange={(event) => onChange({ ...preferences, zone: event.target.value })}
          />
        ) : null}
      </div>
      {isDigest ? (
        <p className="mt-3 min-h-5 text-sm text-fg-2">
          {preferences.next_digest_at ? t("notify.next", { when: moment(preferences.next_digest_at) }) : "\u00a0"}
        </p>
      ) : null}
    </Card>
  );
}

const asChange = ({ kinds, mail_pace, zone }: Preferences): Api["PreferenceChange"] => ({
  kinds: Object.fromEntries(
    kinds.map((kind) => [
      kind.kind,
      Object.fromEntries(kind.channels.filter((way) => !way.always).map((way) => [way.channel, way.wanted])),
    ]),
  ) as NonNullable<Api["PreferenceChange"]["kinds"]>,
  mail_pace,
  zone,
});
