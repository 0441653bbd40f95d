//! Why an expression could not be worked out, in words that anybody may read. The crate's own words quote the values they are
//! about, and those are a sender's: what is logged, and stored in clear where bodies are sealed, names their kinds only.

use cel::ExecutionError;

use super::values::kind;

/// The names of kinds. What is none of them may be a value.
const KINDS: [&str; 14] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "float",
    "function",
    "int",
    "list",
    "map",
    "null",
    "null_type",
    "string",
    "timestamp",
    "uint",
];

/// What went wrong in the expression with this text. Names that stand in it are told, values are not.
pub(super) fn in_words(error: &ExecutionError, text: &str) -> String {
    use ExecutionError as E;
    match error {
        E::NoSuchKey(name) if text.contains(name.as_str()) => format!("there is no `{name}`"),
        E::NoSuchKey(_) => "there is no such member".to_owned(),
        E::UndeclaredReference(name) if text.contains(name.as_str()) => {
            format!("nothing is known as `{name}`")
        }
        // It names types, and an operator or function.
        E::NoSuchOverload(error) => error.to_string(),
        E::InvalidArgumentCount { expected, actual } => {
            format!("a function takes {expected} arguments and has {actual}")
        }
        E::UnsupportedTargetType { target } => format!("it is not there for a {}", kind(target)),
        E::NotSupportedAsMethod { method, target } if text.contains(method.as_str()) => {
            format!("`{method}` is not there for a {}", kind(target))
        }
        E::UnsupportedKeyType(key) => format!("a {} cannot be a key", kind(key)),
        E::UnexpectedType { got, want } => match (known(got), known(want)) {
            (Some(got), Some(want)) => format!("it is a {got} where a {want} is needed"),
            (Some(got), None) => format!("a {got} is of the wrong kind"),
            (None, Some(want)) => format!("a {want} is needed"),
            (None, None) => "a value is of the wrong kind".to_owned(),
        },
        E::MissingArgumentOrTarget => "a function has no argument".to_owned(),
        E::ValuesNotComparable(one, other) => {
            format!("a {} cannot be compared to a {}", kind(one), kind(other))
        }
        E::UnsupportedBinaryOperator(operator, one, other) => {
            let (one, other) = (kind(one), kind(other));
            format!("`{operator}` is not there for a {one} and a {other}")
        }
        E::UnsupportedIndex(index, of) => {
            format!("a {} cannot be looked up in a {}", kind(index), kind(of))
        }
        E::FunctionError { function, .. } if text.contains(function.as_str()) => {
            format!("`{function}` cannot be worked out for its value")
        }
        E::DivisionByZero(value) => format!("a {} is divided by zero", kind(value)),
        E::RemainderByZero(value) => format!("the remainder of a {} by zero is asked for", kind(value)),
        E::Overflow(operator, one, other) => {
            let (one, other) = (kind(one), kind(other));
            format!("overflow: `{operator}` of a {one} and a {other}")
        }
        E::IndexOutOfBounds(_) => "a list has no such place".to_owned(),
        E::DuplicateKey(key) => format!("a key, a {}, is there twice", kind(key)),
        // What is left may quote anything.
        _ => "it cannot be worked out for this payload".to_owned(),
    }
}

fn known(name: &str) -> Option<&str> {
    KINDS.contains(&name).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cel::Value;

    use super::*;

    #[test]
    fn no_failure_quotes_a_value() {
        const MAIL: &str = "ada@example.test";
        let mail = || Value::String(Arc::new(MAIL.to_owned()));
        let list = || Value::List(Arc::new(vec![mail()]));
        let name = || Arc::new(MAIL.to_owned());
        let (got, want) = (format!("{:?}", mail()), "string".to_owned());
        let message = format!("cannot read {MAIL}");
        for error in [
            ExecutionError::NoSuchKey(name()),
            ExecutionError::UndeclaredReference(name()),
            ExecutionError::no_such_overload("_-_", vec!["string".to_owned(), "int".to_owned()]),
            ExecutionError::InvalidArgumentCount {
                expected: 1,
                actual: 2,
            },
            ExecutionError::unsupported_target_type(mail()),
            ExecutionError::not_supported_as_method(MAIL, mail()),
            ExecutionError::not_supported_as_method("size", list()),
            ExecutionError::unsupported_key_type(list()),
            ExecutionError::UnexpectedType { got, want },
            ExecutionError::UnexpectedType {
                got: MAIL.to_owned(),
                want: MAIL.to_owned(),
            },
            ExecutionError::MissingArgumentOrTarget,
            ExecutionError::ValuesNotComparable(mail(), list()),
            ExecutionError::UnsupportedBinaryOperator("sub", mail(), list()),
            ExecutionError::UnsupportedIndex(mail(), list()),
            ExecutionError::function_error("int", message.clone()),
            ExecutionError::function_error(MAIL, message.clone()),
            ExecutionError::DivisionByZero(mail()),
            ExecutionError::RemainderByZero(mail()),
            ExecutionError::Overflow("add", mail(), list()),
            ExecutionError::IndexOutOfBounds(mail()),
            ExecutionError::DuplicateKey(mail()),
            ExecutionError::InternalError(message),
        ] {
            let words = in_words(&error, "int(body.mail) - 1 == size(body.list)");
            assert!(!words.contains("ada") && !words.is_empty(), "{error}: {words}");
        }
    }
}
