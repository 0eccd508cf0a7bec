import { X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { useMemberChoices } from "@/features/organisation/member-choices";
import { Button } from "@/ui/button";
import { Checkbox } from "@/ui/checkbox";
import { Combobox } from "@/ui/combobox";
import { TextField } from "@/ui/field";
import { SelectField } from "@/ui/select";
import { DAYS } from "./rules";

type Person = { id: string; name: string };

/** Hours of some days, asked for only once the box is ticked. */
export function HoursFields(props: { name: string; label: string; hours: Api["HoursShown"] | null }) {
  const { name, label, hours } = props;
  const { t } = useTranslation();
  const [on, setOn] = useState(hours !== null);
  const days: readonly string[] = hours?.days ?? DAYS;
  return (
    <div>
      <Checkbox name={name} label={label} checked={on} onChange={(event) => setOn(event.target.checked)} />
      {on ? (
        <div className="mt-1 ml-6.5 space-y-3">
          <fieldset>
            <legend className="sr-only">{`${label}: ${t("alert.days")}`}</legend>
            <div className="flex flex-wrap gap-x-4">
              {DAYS.map((day) => (
                <Checkbox
                  key={day}
                  name={`${name}.day`}
                  value={day}
                  label={t(`alert.day.${day}`)}
                  defaultChecked={days.includes(day)}
                />
              ))}
            </div>
          </fieldset>
          <div className="grid grid-cols-2 gap-3">
            <TextField
              name={`${name}.begins`}
              type="time"
              label={t("alert.begins")}
              required
              defaultValue={hours?.begins ?? "22:00"}
            />
            <TextField
              name={`${name}.ends`}
              type="time"
              label={t("alert.ends")}
              required
              defaultValue={hours?.ends ?? "07:00"}
            />
          </div>
        </div>
      ) : null}
    </div>
  );
}

type TargetProps = {
  org: string;
  name: string;
  destinations: Api["DestinationNamed"][];
  destination: string | null;
  people: Person[];
  onPeople: (people: Person[]) => void;
};

/** A destination, and people. */
export function TargetFields({ org, name, destinations, destination, people, onPeople }: TargetProps) {
  const { t } = useTranslation();
  const [words, setWords] = useState("");
  const { choices } = useMemberChoices(org, words);
  const chosen = new Set(people.map((one) => one.id));
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <SelectField
        name={`${name}.destination`}
        label={t("alert.destination")}
        defaultValue={destination ?? ""}
        options={[
          { value: "", label: t("alert.noDestination") },
          ...destinations.map((one) => ({ value: one.id, label: `${one.name} (${one.kind})` })),
        ]}
      />
      <div className="min-w-0 space-y-2">
        <Combobox
          label={t("alert.addPerson")}
          query={words}
          onQuery={setWords}
          choices={choices.filter((one) => !chosen.has(one.id))}
          onPick={({ id, label }) => {
            setWords("");
            onPeople([...people, { id, name: label }]);
          }}
        />
        {people.length ? (
          <ul aria-label={t("alert.people")} className="divide-y divide-line rounded-md border border-line">
            {people.map((one) => (
              <li key={one.id} className="flex items-center gap-2 py-0.5 pr-0.5 pl-2.5 text-sm">
                <span className="min-w-0 flex-1 truncate">{one.name || t("alert.someone")}</span>
                <Button
                  kind="ghost"
                  size="icon"
                  aria-label={t("alert.takeOut", { name: one.name || t("alert.someone") })}
                  onClick={() => onPeople(people.filter((other) => other.id !== one.id))}
                >
                  <X size={15} aria-hidden />
                </Button>
              </li>
            ))}
          </ul>
        ) : null}
      </div>
    </div>
  );
}
