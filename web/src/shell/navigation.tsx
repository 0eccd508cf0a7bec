import { Link } from "@tanstack/react-router";
import {
  Boxes,
  Building2,
  Database,
  FlaskConical,
  LayoutDashboard,
  ListChecks,
  type LucideIcon,
  Siren,
  Wrench,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMe } from "./me";
import type { Purpose } from "./purpose";

export const PLACES = [
  { to: "/", name: "overview", icon: LayoutDashboard },
  { to: "/datasets", name: "datasets", icon: Database },
  { to: "/runs", name: "runs", icon: FlaskConical },
  { to: "/models", name: "models", icon: Boxes },
  { to: "/incidents", name: "incidents", icon: Siren },
  { to: "/jobs", name: "jobs", icon: ListChecks },
] as const satisfies { to: string; name: string; icon: LucideIcon }[];

type Place = (typeof PLACES)[number];

/** What is left out for whom; the finder leads there all the same. */
const LEFT_OUT: Record<Purpose, readonly Place["name"][]> = {
  team: [],
  course: ["incidents", "jobs"],
  looking: ["runs", "incidents", "jobs"],
};

function usePlaces(): Place[] {
  const { purpose } = useMe();
  return PLACES.filter(({ name }) => !purpose || !LEFT_OUT[purpose].includes(name));
}

/** Of those who work here, below the places of the work. */
export const HOUSE = [{ to: "/organisation", name: "organisation", icon: Building2 }] as const satisfies {
  to: string;
  name: string;
  icon: LucideIcon;
}[];

/** For whoever runs the hub. */
export const ADMIN_PLACE = { to: "/admin", name: "admin", icon: Wrench } as const;

export function Sidebar() {
  const { t } = useTranslation();
  const places = usePlaces();
  const house = useMe().operates_hub ? [...HOUSE, ADMIN_PLACE] : HOUSE;
  return (
    <nav aria-label={t("nav.main")}>
      <Places places={places} />
      <div aria-hidden className="my-3 h-px bg-line" />
      <Places places={house} />
    </nav>
  );
}

function Places({
  places,
}: {
  places: readonly ((typeof PLACES)[number] | (typeof HOUSE)[number] | typeof ADMIN_PLACE)[];
}) {
  const { t } = useTranslation();
  return (
    <div className="space-y-0.5">
      {places.map(({ to, name, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact: to === "/" }}
          className="flex h-8 items-center gap-2.5 rounded-md px-2 text-base text-fg-2 hover:bg-hover hover:text-fg data-[status=active]:bg-hover data-[status=active]:font-medium data-[status=active]:text-fg pointer-coarse:h-11"
        >
          <Icon size={16} aria-hidden />
          {t(`nav.${name}`)}
        </Link>
      ))}
    </div>
  );
}

export function BottomBar() {
  const { t } = useTranslation();
  const places = usePlaces();
  return (
    <nav
      aria-label={t("nav.main")}
      className="fixed inset-x-0 bottom-0 z-20 grid auto-cols-fr grid-flow-col border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {places.map(({ to, name, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact: to === "/" }}
          className="flex h-14 flex-col items-center justify-center gap-0.5 text-2xs text-fg-2 data-[status=active]:font-semibold data-[status=active]:text-accent-text"
        >
          <Icon size={20} aria-hidden />
          {t(`nav.${name}`)}
        </Link>
      ))}
    </nav>
  );
}
