// The address as the browser came with it. The router reads parameters as values and writes them anew, so that `state=007` of
// another program's request would not stay what it was; and a ticket must not stay in the address, nor in the history.
const ticket = location.hash.startsWith("#ticket=") ? new URLSearchParams(location.hash.slice(1)) : null;
if (ticket) history.replaceState(history.state, "", location.pathname + location.search);

/** What came behind the `?`, to the letter. */
export const arrivedWith: string = location.search;

/** The ticket of a sign-in whose first step was taken elsewhere, with what can be shown next. */
export const arrivedTicket = ticket && {
  ticket: ticket.get("ticket") ?? "",
  methods: (ticket.get("methods") ?? "").split(",").filter(Boolean),
  to: ticket.get("return_to") ?? undefined,
};
