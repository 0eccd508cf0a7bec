// What is read of an organisation, each list under its own key.
export const membersKey = (org: string, named = "") => ["organisation", org, "members", named] as const;
export const invitationsKey = (org: string) => ["organisation", org, "invitations"] as const;
export const groupsKey = (org: string) => ["organisation", org, "groups"] as const;
export const groupMembersKey = (org: string, id: string) => ["organisation", org, "groups", id, "members"] as const;
export const destinationsKey = (org: string) => ["organisation", org, "destinations"] as const;
export const requestsKey = (view: string) => ["access-requests", view] as const;
export const sharedKey = () => ["grants-to-me"] as const;
export const grantsKey = (kind: string, address: string) => ["grants", kind, address] as const;
