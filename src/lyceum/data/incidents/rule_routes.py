"""Who is told of incidents, over HTTP."""

from uuid import UUID

from fastapi import Response

from lyceum.accounts.edge import KEEPS_ANSWER, Power, Tx, Who, api_router, needs
from lyceum.data.incidents import rules
from lyceum.data.incidents.schemas import AlertRule, AlertRuleList, AlertRuleOrder, AlertRuleTried, AlertRuleWanted
from lyceum.kernel.http.revisions import CHANGES_REVISION, IfMatch, etag_of, shows_revision

router = api_router("/api/v1/organisations", tags=["incidents"])


@router.get("/{org}/alert-rules")
@needs(Power.ALERTS_MANAGE)
async def list_alert_rules(tx: Tx, who: Who, org: str) -> AlertRuleList:
    """List the rules that say who is told of which incidents, in the order in which they are asked."""
    return await rules.list_rules(tx, who, org)


@router.post("/{org}/alert-rules", status_code=201, dependencies=[KEEPS_ANSWER])
@needs(Power.ALERTS_MANAGE)
async def add_alert_rule(tx: Tx, who: Who, org: str, wanted: AlertRuleWanted) -> AlertRule:
    """Add a rule after all others."""
    return await rules.add_rule(tx, who, org, wanted)


@router.put("/{org}/alert-rules/order")
@needs(Power.ALERTS_MANAGE)
async def order_alert_rules(tx: Tx, who: Who, org: str, wanted: AlertRuleOrder) -> AlertRuleList:
    """Put the rules in an order: the first that an incident falls under tells of it."""
    return await rules.order_rules(tx, who, org, wanted.ids)


@router.get("/{org}/alert-rules/{alert_rule_id}", responses=shows_revision(200))
@needs(Power.ALERTS_MANAGE)
async def read_alert_rule(tx: Tx, who: Who, response: Response, org: str, alert_rule_id: UUID) -> AlertRule:
    """Read a rule."""
    rule = await rules.rule_for(tx, who, org, alert_rule_id)
    response.headers["etag"] = etag_of(rule.revision)
    return rule


@router.put("/{org}/alert-rules/{alert_rule_id}", responses=CHANGES_REVISION)
@needs(Power.ALERTS_MANAGE)
async def change_alert_rule(
    tx: Tx,
    who: Who,
    response: Response,
    org: str,
    alert_rule_id: UUID,
    wanted: AlertRuleWanted,
    if_match: IfMatch = None,
) -> AlertRule:
    """Change all of a rule but its place."""
    changed = await rules.change_rule(tx, who, org, alert_rule_id, wanted, if_match=if_match)
    response.headers["etag"] = etag_of(changed.revision)
    return changed


@router.delete("/{org}/alert-rules/{alert_rule_id}", status_code=204)
@needs(Power.ALERTS_MANAGE)
async def remove_alert_rule(tx: Tx, who: Who, org: str, alert_rule_id: UUID) -> None:
    """Remove a rule; what it was about to tell is told no more."""
    await rules.remove_rule(tx, who, org, alert_rule_id)


@router.post("/{org}/alert-rules/{alert_rule_id}/test")
@needs(Power.ALERTS_MANAGE)
async def try_alert_rule(tx: Tx, who: Who, org: str, alert_rule_id: UUID) -> AlertRuleTried:
    """Have a sample sent to whom the rule names."""
    return await rules.try_rule(tx, who, org, alert_rule_id)
