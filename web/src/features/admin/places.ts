/** The pages of the administration, in the order they are offered in. */
export const ADMIN_PAGES = [
  { to: "/admin/users", name: "users" },
  { to: "/admin/organisations", name: "organisations" },
  { to: "/admin/queue", name: "queue" },
  { to: "/admin/schedules", name: "schedules" },
  { to: "/admin/audit", name: "audit" },
  { to: "/admin/storage", name: "storage" },
  { to: "/admin/health", name: "health" },
  { to: "/admin/mail", name: "mail" },
  { to: "/admin/sign-on", name: "signOn" },
  { to: "/admin/programs", name: "programs" },
] as const;
