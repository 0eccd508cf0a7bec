import { Link } from "@tanstack/react-router";
import { Boxes, Database, FlaskConical, LayoutDashboard, ListChecks, type LucideIcon, Wrench } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMe } from "./me";

export const PLACES = [
  { to: "/", name: "overview", icon: LayoutDashboard },
  { to: "/datasets", name: "datasets", icon: Database },
  { to: "/runs", name: "runs", icon: FlaskConical },
  { to: "/models", name: "models", icon: Boxes },
  { to: "/jobs", name: "jobs", icon: ListChecks },
] as const satisfies { to: string; name: string; icon: LucideIcon }[];

/** For whoever runs the hub. */
export const ADMIN_PLACE = { to: "/admin", name: "admin", icon: Wrench } as const;

export function Sidebar() {
  const { t } = useTranslation();
  const places = useMe().operates_hub ? [...PLACES, ADMIN_PLACE] : PLACES;
  return (
    <nav aria-label={t("nav.main")} className="space-y-0.5">
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
    </nav>
  );
}

export function BottomBar() {
  const { t } = useTranslation();
  return (
    <nav
      aria-label={t("nav.main")}
      className="fixed inset-x-0 bottom-0 z-20 grid grid-cols-5 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {PLACES.map(({ to, name, icon: Icon }) => (
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
