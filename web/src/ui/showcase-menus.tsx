import { Bell, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button } from "./button";
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuLine } from "./menu";
import { TabPanel, Tabs } from "./tabs";
import { Tooltip } from "./tooltip";

export default function Menus() {
  const [theme, setTheme] = useState("one");
  return (
    <>
      <Tooltip text="A tooltip">
        <Button kind="ghost" size="icon" aria-label="icon">
          <Bell size={16} aria-hidden />
        </Button>
      </Tooltip>
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
