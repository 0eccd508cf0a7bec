import { Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button } from "./button";
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuLine } from "./menu";
import { TabPanel, Tabs } from "./tabs";

/** Menus and tabs, on their own since a menu is more script than the page around it. */
export default function Menus() {
  const [theme, setTheme] = useState("one");
  return (
    <>
      <Menu trigger={<Button>Menu</Button>}>
        <MenuLabel>Label</MenuLabel>
        <MenuItem icon={Pencil} onSelect={() => undefined}>
          Item
        </MenuItem>
        <MenuChoice
          label="Choice"
          value={theme}
          onChange={setTheme}
          options={[
            { value: "one", label: "One" },
            { value: "two", label: "Two" },
          ]}
        />
        <MenuLine />
        <MenuItem icon={Trash2} danger onSelect={() => undefined}>
          Danger
        </MenuItem>
      </Menu>
      <div className="min-w-0 flex-1">
        <Tabs
          label="Tabs"
          value={theme}
          onChange={setTheme}
          tabs={[
            { value: "one", label: "One" },
            { value: "two", label: "Two" },
          ]}
        >
          <TabPanel value="one">One</TabPanel>
          <TabPanel value="two">Two</TabPanel>
        </Tabs>
      </div>
    </>
  );
}
