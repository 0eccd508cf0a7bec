import { AlarmClock, CalendarClock } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { queryClient } from "@/api/client";
import { FormDialog } from "@/features/form-dialog";
import { moment } from "@/i18n/format";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Menu, MenuItem } from "@/ui/menu";
import { DAY_MS, done, HOUR_MS, INCIDENTS_KEY, type Incident, putOff, wake } from "./acting";

const LENGTHS = [
  ["hour", HOUR_MS],
  ["hours", 4 * HOUR_MS],
  ["day", DAY_MS],
  ["week", 7 * DAY_MS],
] as const;

/** For how long nobody is to hear of an incident. */
export default function SnoozeMenu({ incident }: { incident: Incident }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const { id, title } = incident;
  return (
    <>
      <Menu
        trigger={
          <Button>
            <AlarmClock size={15} aria-hidden />
            {t("incident.snooze")}
          </Button>
        }
      >
        {LENGTHS.map(([length, ms]) => (
          <MenuItem
            key={length}
            icon={AlarmClock}
            onSelect={() => {
              const until = new Date(Date.now() + ms);
              const said = t("incident.putOffUntil", { title, when: moment(until.toISOString()) });
              void done(
                () => putOff(id, until),
                said,
                () => wake(id),
              );
            }}
          >
            {t(`incident.snoozeFor.${length}`)}
          </MenuItem>
        ))}
        <MenuItem icon={CalendarClock} onSelect={() => setAsking(true)}>
          {t("incident.snoozeFor.own")}
        </MenuItem>
      </Menu>
      {asking ? (
        <FormDialog
          title={t("incident.snooze")}
          description={title}
          action={t("incident.snooze")}
          onClose={() => setAsking(false)}
          onSubmit={async (given) => {
            await putOff(id, new Date(String(given.get("until"))));
            await queryClient.invalidateQueries({ queryKey: INCIDENTS_KEY });
            setAsking(false);
          }}
        >
          {(problems) => (
            <TextField
              name="until"
              type="datetime-local"
              required
              label={t("incident.snoozeUntil")}
              problem={problems.until}
            />
          )}
        </FormDialog>
      ) : null}
    </>
  );
}
