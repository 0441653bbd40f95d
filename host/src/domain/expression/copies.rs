//! What a macro that makes a list puts into every member from outside the list: as often copied as there are members.

use cel::IdedExpr;
use cel::common::ast::operators::{ADD, CONDITIONAL, INDEX};
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};

/// A place that an expression names: `body.customer.name`, name by name. What lies below is copied with it.
pub(super) type Place = Vec<String>;

/// Adds the places that every member has a copy of, where the macro makes a list (`map`, `filter`).
pub(super) fn add(macro_: &ComprehensionExpr, places: &mut Vec<Place>) {
    let Some(member) = member(&macro_.loop_step) else {
        return;
    };
    let own = [
        Some(macro_.iter_var.as_str()),
        macro_.iter_var2.as_deref(),
        Some(macro_.accu_var.as_str()),
    ];
    gather(member, &own, places);
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

fn gather(expression: &IdedExpr, own: &[Option<&str>; 3], places: &mut Vec<Place>) {
    if let Some(place) = place(expression) {
        if !own.contains(&place.first().map(String::as_str)) {
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
