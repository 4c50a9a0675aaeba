//! How the rows of a plan become visible, as the user has asked and the target's catalog allows.
use crate::catalog::Table;
use crate::config::Publish;
use crate::error::{Error, Result};
use crate::plan::{CopyOptions, Plan, WindowedPlan};
use crate::schema::{self, Definition};
use crate::session::{Role, Session};
use crate::staging::{BrokenRule, SwitchFacts, Twins, broken_rules};

/// A plan that says how its rows become visible, as the user has asked. A plan of differences, and one that must not be
/// carried out, stay as they are.
///
/// # Errors
/// The server's: its catalog does not tell what SWITCH wants to know.
pub async fn published(
    session: &mut Session,
    (source, target): (&Table, &Table),
    plan: Plan,
    options: CopyOptions,
) -> Result<Plan> {
    if plan.difference.is_some() || plan.allowed().is_err() {
        return Ok(plan);
    }
    let plan = match options.publish {
        Publish::Auto | Publish::Direct => return Ok(plan),
        Publish::Staged => plan.staged(target),
        Publish::Switch => switched(session, target, plan).await?,
    };
    Ok(plan.by_streams(source, options.streams))
}

async fn switched(target: &mut Session, table: &Table, plan: Plan) -> Result<Plan> {
    let (definition, facts) = definition(target, table).await?;
    let mut broken = broken_rules(table, &definition, &facts);
    broken.extend(of_plan(&plan));
    if plan.limits.is_some() {
        let what = "only all rows of a table change places here, and those of partitions in replicate-monthly-parallel-streaming";
        broken.push(BrokenRule::unnumbered(what));
    }
    if broken.is_empty() {
        Ok(plan.switched(Twins::new(table, definition, &facts)))
    } else {
        Ok(plan.not_switched(&broken))
    }
}

/// The rules of SWITCH that do not hold for windows of a table, and what the tables beside it have to be like.
pub(in crate::copy) async fn switch_rules(
    target: &mut Session,
    table: &Table,
    plan: &WindowedPlan,
) -> Result<(Vec<BrokenRule>, Twins)> {
    let (definition, facts) = definition(target, table).await?;
    let mut broken = broken_rules(table, &definition, &facts);
    broken.extend(of_plan(&plan.base));
    Ok((broken, Twins::new(table, definition, &facts)))
}

fn of_plan(plan: &Plan) -> Option<BrokenRule> {
    (!plan.strategy.may_stage())
        .then(|| BrokenRule::unnumbered("triggers are to fire (--fire-triggers), and SWITCH fires none"))
}

async fn definition(target: &mut Session, table: &Table) -> Result<(Definition, SwitchFacts)> {
    let name = &table.object.name;
    let read = schema::read(target, Role::Target, std::slice::from_ref(name)).await?;
    let definition = read.tables.into_iter().next().transpose()?.flatten();
    let unseen = || {
        let error =
            Error::data("this login may not see the definition of the target, which SWITCH depends on");
        error.remedy("GRANT VIEW DEFINITION on it").table(name)
    };
    Ok((definition.ok_or_else(unseen)?, SwitchFacts::read(target, table).await?))
}
