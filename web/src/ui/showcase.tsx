import { Bell, Database } from "lucide-react";
import { lazy, type ReactNode, Suspense, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Badge } from "./badge";
import { Button } from "./button";
import { Card } from "./card";
import { Checkbox } from "./checkbox";
import { Choices } from "./choices";
import { Code } from "./code";
import { Combobox } from "./combobox";
import { DropZone } from "./drop-zone";
import { Empty } from "./empty";
import { Failed } from "./failed";
import { TextArea, TextField } from "./field";
import { ListRow } from "./list-row";
import { Note } from "./note";
import { PageHead } from "./page-head";
import { Progress } from "./progress";
import { SelectField } from "./select";
import { Skeleton, SkeletonRows } from "./skeleton";
import { Stat } from "./stat";
import { SubNavigation } from "./sub-navigation";
import { Cell, HeadCell, Table } from "./table";
import { toast } from "./toast";

const Charts = lazy(() => import("./charts/showcase"));
const Menus = lazy(() => import("./showcase-menus"));
const Windows = lazy(() => import("./showcase-windows"));
const THEMES = ["light", "dark"] as const;

/** Every component in both themes, side by side. */
export default function Showcase() {
  const { t } = useTranslation();
  return (
    <main className="grid min-h-dvh grid-cols-1 xl:grid-cols-2">
      {THEMES.map((theme, index) => (
        <div key={theme} data-theme={theme} className="min-w-0 bg-bg p-4 text-fg md:p-6">
          {index === 0 ? (
            <PageHead title={t("ui.title")} facts={t("ui.text")} />
          ) : (
            <PageHead title={t(`theme.${theme}`)} />
          )}
          <Pieces />
        </div>
      ))}
    </main>
  );
}

function Piece({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Card title={<span className="mono">{name}</span>}>
      <div className="flex flex-wrap items-start gap-3">{children}</div>
    </Card>
  );
}

/** Landmarks have names of their own, in each theme. */
function useNamed() {
  const id = useId();
  return (name: string) => `${name} ${id}`;
}

function Pieces() {
  return (
    <div className="space-y-4">
      <Controls />
      <Words />
      <Piece name="dialog, confirm, command palette, toast">
        <Suspense fallback={<Skeleton className="h-8 w-full" />}>
          <Windows />
        </Suspense>
      </Piece>
      <Piece name="charts">
        <Suspense fallback={<Skeleton className="h-[120rem] w-full" />}>
          <Charts />
        </Suspense>
      </Piece>
    </div>
  );
}

function Controls() {
  const { t } = useTranslation();
  const named = useNamed();
  const [choice, setChoice] = useState("one");
  const [words, setWords] = useState("");
  return (
    <>
      <Piece name="button">
        <Button kind="primary">primary</Button>
        <Button>plain</Button>
        <Button kind="ghost">ghost</Button>
        <Button kind="danger">danger</Button>
        <Button busy>busy</Button>
        <Button disabled>disabled</Button>
      </Piece>
      <Piece name="field, select, combobox, checkbox">
        <div className="grid w-full gap-3 sm:grid-cols-2">
          <TextField label="Text" placeholder="Placeholder" hint="A hint" />
          <TextField label="With a problem" defaultValue="a/b" problem="A name has no slash." />
          <SelectField
            label="Select"
            options={[
              { value: "1", label: "One" },
              { value: "2", label: "Two" },
            ]}
          />
          <TextArea label="Text area" />
          <Combobox
            label="Combobox"
            query={words}
            onQuery={setWords}
            choices={["One", "Two"]
              .filter((name) => name.toLowerCase().includes(words.toLowerCase()))
              .map((name) => ({ id: name, label: name, detail: "a detail", icon: Database }))}
            onPick={(choice) => setWords(choice.label)}
          />
          <Checkbox label="Checkbox" hint="A hint" defaultChecked />
          <DropZone label={t("dataset.chooseFile")} hint="CSV" accept=".csv" onFile={(file) => toast(file.name)} />
        </div>
      </Piece>
      <Piece name="choices">
        <Choices
          label="Choices"
          hint="A hint"
          value={choice}
          onChange={setChoice}
          choices={[
            { value: "one", label: "One", text: "What one means", icon: Database },
            { value: "two", label: "Two", text: "What two means", icon: Bell },
          ]}
        />
      </Piece>
      <Piece name="menu, tabs, sub-navigation">
        <Suspense fallback={<Skeleton className="h-20 w-full" />}>
          <Menus />
        </Suspense>
        <div className="min-w-0 flex-1">
          <SubNavigation
            label={named("Pages")}
            open="/ui"
            places={[
              { to: "/ui", label: "This one" },
              { to: "/", label: "Another" },
            ]}
          />
        </div>
      </Piece>
    </>
  );
}

function Words() {
  const named = useNamed();
  return (
    <>
      <Piece name="badge">
        {(["neutral", "accent", "ok", "warn", "bad"] as const).map((tone) => (
          <Badge key={tone} tone={tone}>
            {tone}
          </Badge>
        ))}
      </Piece>
      <Piece name="stat, progress, skeleton">
        <dl className="grid w-full grid-cols-2 gap-3">
          <Stat label="Rows" value="18,000" note="in 15 columns" />
          <Stat label="Waiting" value={<Skeleton className="my-1 h-5 w-16" />} note="a note" />
        </dl>
        <div className="w-full space-y-3">
          <Progress label="Known" fraction={0.4} />
          <Progress label="Unknown" fraction={null} />
          <SkeletonRows rows={2} />
        </div>
      </Piece>
      <Piece name="note, code">
        <Note className="w-full">A remark</Note>
        <Note tone="warn" className="w-full">
          A warning
        </Note>
        <Note tone="bad" className="w-full">
          A fault
        </Note>
        <div className="w-full">
          <Code label="Code">{'from lyceum_client import Client\nhub = Client("https://hub.example", "lyk_…")'}</Code>
        </div>
      </Piece>
      <Card flush title={<span className="mono">table</span>}>
        <Table label={named("Table")}>
          <thead>
            <tr>
              <HeadCell className="pl-4">Name</HeadCell>
              <HeadCell right className="pr-4">
                Figure
              </HeadCell>
            </tr>
          </thead>
          <tbody>
            {["one", "two"].map((name, index) => (
              <tr key={name}>
                <Cell className="pl-4">{name}</Cell>
                <Cell right className="pr-4">
                  {index}.25
                </Cell>
              </tr>
            ))}
          </tbody>
        </Table>
      </Card>
      <Card flush title={<span className="mono">list row</span>}>
        <ListRow onOpen={() => toast("Opened")}>
          <Database size={18} aria-hidden className="text-fg-3" />
          <span className="font-medium">A row that opens something</span>
        </ListRow>
      </Card>
      <Card flush title={<span className="mono">empty</span>}>
        <Empty icon={Database} title="Nothing here yet" action={<Button kind="primary">An action</Button>}>
          One sentence that says what would stand here.
        </Empty>
      </Card>
      <Failed error={new Error("The reason in plain words.")} retry={() => undefined} />
    </>
  );
}
