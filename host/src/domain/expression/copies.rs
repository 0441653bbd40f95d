//! What an expression does as often as a list has members: what a macro puts into every member from outside the list, and
//! what `in` looks for.

use cel::IdedExpr;
use cel::common::ast::operators::{ADD, CONDITIONAL, IN, INDEX};
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};

/// A place that an expression names: `body.customer.name`, name by name. What lies below is copied with it.
pub(super) type Place = Vec<String>;

/// Names of what has few members, whatever a sender sends.
const SHORT: [&str; 2] = ["event", "headers"];

/// Adds the places that every member has a copy of, where the macro makes a list (`map`, `filter`).
pub(super) fn add(macro_: &ComprehensionExpr, places: &mut Vec<Place>) {
    let Some(member) = member(&macro_.loop_step) else {
        return;
    };
    let mut own = vec![macro_.iter_var.as_str(), macro_.accu_var.as_str()];
    own.extend(macro_.iter_var2.as_deref());
    gather(member, &own, places);
}

/// Adds the places that `@in` looks for, outside of a macro: the crate copies them for each comparison with another kind
/// of value.
pub(super) fn add_wanted(call: &CallExpr, places: &mut Vec<Place>) {
    if let Some(wanted) = call.args.first() {
        gather(wanted, &[], places);
    }
}

/// Whether what `@in` looks for, within a macro with these names of its own, is from outside.
pub(super) fn looks_for_the_same(call: &CallExpr, own: &[&str]) -> bool {
    let mut places = Vec::new();
    if let Some(wanted) = call.args.first() {
        gather(wanted, own, &mut places);
    }
    !places.is_empty()
}

/// Whether this goes through a list that a sender has chosen: `@in`, and not over a list that is written out or in what is
/// short.
pub(super) fn searches(call: &CallExpr) -> bool {
    let Some(list) = call.args.last().filter(|_| call.func_name == IN) else {
        return false;
    };
    let short =
        place(list).is_some_and(|place| place.first().is_some_and(|name| SHORT.contains(&name.as_str())));
    !short && !matches!(list.expr, Expr::List(_))
}

/// What is appended for a member: `list + [it]`, perhaps under a condition, which is worked out and not kept.
fn member(step: &IdedExpr) -> Option<&IdedExpr> {
    match &step.expr {
        Expr::Call(call) if call.func_name == CONDITIONAL => member(call.args.get(1)?),
        Expr::Call(call) if call.func_name == ADD => {
            let added = call.args.get(1)?;
            matches!(added.expr, Expr::List(_)).then_some(added)
        }
        _ => None,
    }
}

fn gather(expression: &IdedExpr, own: &[&str], places: &mut Vec<Place>) {
    if let Some(place) = place(expression) {
        if place.first().is_none_or(|name| !own.contains(&name.as_str())) {
            places.push(place);
        }
        return;
    }
    match &expression.expr {
        // `has(…)` is true or false.
        Expr::Select(select) if select.test => {}
        Expr::Select(select) => gather(&select.operand, own, places),
        Expr::List(list) => {
            for one in &list.elements {
                gather(one, own, places);
            }
        }
        Expr::Map(map) => {
            for entry in &map.entries {
                match &entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        gather(&entry.key, own, places);
                        gather(&entry.value, own, places);
                    }
                    EntryExpr::StructField(field) => gather(&field.value, own, places),
                }
            }
        }
        Expr::Call(call) => {
            for one in call.target.as_deref().into_iter().chain(&call.args) {
                gather(one, own, places);
            }
        }
        // No macro stands in another, and no message is made: both are refused.
        Expr::Comprehension(_) | Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

/// The place that an expression is, if it is nothing but one: `a`, `a.b`, `a["b"]`.
fn place(expression: &IdedExpr) -> Option<Place> {
    match &expression.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) if !select.test => {
            let mut place = place(&select.operand)?;
            place.push(select.field.clone());
            Some(place)
        }
        Expr::Call(call) if call.func_name == INDEX => {
            let (of, name) = indexed(call)?;
            let mut place = place(of)?;
            place.push(name.to_owned());
            Some(place)
        }
        _ => None,
    }
}

/// What a literal text is looked up in.
fn indexed(call: &CallExpr) -> Option<(&IdedExpr, &str)> {
    match call.args.as_slice() {
        [of, name] => match &name.expr {
            Expr::Literal(LiteralValue::String(name)) => Some((of, name.inner())),
            _ => None,
        },
        _ => None,
    }
}
