//! Which field of a kubeconfig is wrong. The parser's own words quote values, which may be keys and tokens: here the
//! field is found only by whether kube accepts a part, and reported only by its place.

use kube::config::Kubeconfig;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

/// What is wrong with a text that is not a kubeconfig, such as `users[0].user.token has the wrong type`.
pub(super) fn wrong(text: &str) -> String {
    let documents: Result<Vec<Value>, _> = serde_yaml::Deserializer::from_str(text).map(Value::deserialize).collect();
    let Ok(documents) = documents else { return "it cannot be read as YAML".into() };
    let wrong = documents.iter().find(|document| !Shape::File.fits(document));
    // Of a field that is there twice, only the last is seen here.
    wrong.map_or_else(
        || "a field is there twice, or in an unknown form".into(),
        |document| Shape::File.wrong_in(document, ""),
    )
}

/// A part of a kubeconfig.
#[derive(Debug, Clone, Copy)]
enum Shape {
    File,
    Clusters,
    NamedCluster,
    Cluster,
    Contexts,
    NamedContext,
    Context,
    Users,
    NamedUser,
    User,
    Exec,
    Provider,
}

impl Shape {
    /// Whether kube accepts it.
    fn fits(self, value: &Value) -> bool {
        // JSON is YAML.
        Kubeconfig::from_yaml(&self.whole(value).to_string()).is_ok()
    }

    /// A kubeconfig with nothing else in it.
    fn whole(self, value: &Value) -> Value {
        match self {
            Self::File => value.clone(),
            Self::Clusters => json!({"clusters": value}),
            Self::NamedCluster => json!({"clusters": [value]}),
            Self::Cluster => json!({"clusters": [{"name": "", "cluster": value}]}),
            Self::Contexts => json!({"contexts": value}),
            Self::NamedContext => json!({"contexts": [value]}),
            Self::Context => json!({"contexts": [{"name": "", "context": value}]}),
            Self::Users => json!({"users": value}),
            Self::NamedUser => json!({"users": [value]}),
            Self::User => json!({"users": [{"name": "", "user": value}]}),
            Self::Exec => json!({"users": [{"name": "", "user": {"exec": value}}]}),
            Self::Provider => json!({"users": [{"name": "", "user": {"auth-provider": value}}]}),
        }
    }

    /// Fields that it must have to be read.
    fn required(self) -> &'static [&'static str] {
        match self {
            Self::NamedCluster | Self::NamedContext | Self::NamedUser | Self::Provider => &["name"],
            Self::Context => &["cluster"],
            _ => &[],
        }
    }

    /// Which part an item, or the field of this name, is.
    fn inside(self, field: Option<&str>) -> Option<Self> {
        Some(match (self, field) {
            (Self::File, Some("clusters")) => Self::Clusters,
            (Self::File, Some("contexts")) => Self::Contexts,
            (Self::File, Some("users")) => Self::Users,
            (Self::Clusters, None) => Self::NamedCluster,
            (Self::Contexts, None) => Self::NamedContext,
            (Self::Users, None) => Self::NamedUser,
            (Self::NamedCluster, Some("cluster")) => Self::Cluster,
            (Self::NamedContext, Some("context")) => Self::Context,
            (Self::NamedUser, Some("user")) => Self::User,
            (Self::User, Some("exec")) => Self::Exec,
            (Self::User, Some("auth-provider")) => Self::Provider,
            _ => return None,
        })
    }

    /// What is wrong in a value that does not fit. Only names fields that kube knows: it accepts all others as they
    /// are.
    fn wrong_in(self, value: &Value, at: &str) -> String {
        let deeper = |inside: Option<Self>, value: &Value, at: &str| match inside {
            Some(shape) => shape.wrong_in(value, at),
            None => format!("{at} has the wrong type"),
        };
        match value {
            Value::Array(items) => {
                let inside = self.inside(None);
                let wrong = items.iter().enumerate().find(|(_, item)| inside.is_some_and(|shape| !shape.fits(item)));
                if let Some((index, item)) = wrong {
                    return deeper(inside, item, &format!("{at}[{index}]"));
                }
            }
            Value::Object(fields) => {
                if let Some((field, value)) = fields.iter().find(|(field, value)| !self.fits(&self.alone(field, value)))
                {
                    let at = if at.is_empty() { field.clone() } else { format!("{at}.{field}") };
                    return deeper(self.inside(Some(field)), value, &at);
                }
                if let Some(missing) = self.required().iter().find(|field| !fields.contains_key(**field)) {
                    return format!("{at} has no {missing}");
                }
            }
            _ => {}
        }
        deeper(None, value, if at.is_empty() { "the file as a whole" } else { at })
    }

    /// Only this field, besides those that are required.
    fn alone(self, field: &str, value: &Value) -> Value {
        let mut fields: Map<String, Value> =
            self.required().iter().map(|field| ((*field).to_owned(), String::new().into())).collect();
        fields.insert(field.to_owned(), value.clone());
        fields.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_named_and_its_value_is_not() {
        let other = " has the wrong type";
        for (text, wanted) in [
            ("users:\n- name: a\n- name: b\n  user:\n    token: [S3CR3T]\n", format!("users[1].user.token{other}")),
            ("users: [{name: a, user: {exec: S3CR3T}}]", format!("users[0].user.exec{other}")),
            ("users: [{name: a, user: {exec: {args: S3CR3T}}}]", format!("users[0].user.exec.args{other}")),
            ("users: [{name: a, user: {exec: {env: [S3CR3T]}}}]", format!("users[0].user.exec.env{other}")),
            (
                "users: [{name: a, user: {exec: {interactiveMode: S3CR3T}}}]",
                format!("users[0].user.exec.interactiveMode{other}"),
            ),
            ("users: [{name: a, user: {token: 12345, exec: []}}]", format!("users[0].user.exec{other}")),
            (
                "users: [{name: a, user: {auth-provider: {name: gcp, config: {S3CR3T: [1]}}}}]",
                format!("users[0].user.auth-provider.config{other}"),
            ),
            (
                "users: [{name: a, user: {auth-provider: {config: {}}}}]",
                "users[0].user.auth-provider has no name".into(),
            ),
            ("users: [{user: {token: S3CR3T}}]", "users[0] has no name".into()),
            ("users: [S3CR3T]", format!("users[0]{other}")),
            ("users: S3CR3T", format!("users{other}")),
            ("clusters: [{name: a, cluster: {server: [S3CR3T]}}]", format!("clusters[0].cluster.server{other}")),
            ("contexts: [{name: a, context: {user: b}}]", "contexts[0].context has no cluster".into()),
            ("current-context: [S3CR3T]", format!("current-context{other}")),
            ("S3CR3T", format!("the file as a whole{other}")),
            ("users: [{name: a, user: {token: S3CR3T", "it cannot be read as YAML".into()),
        ] {
            assert_eq!(wrong(text), wanted, "{text}");
        }
    }

    #[test]
    fn fields_that_nobody_knows_are_not_at_fault() {
        let text = "S3CR3T: 1\nusers: [{name: a, S3CR3T: [], user: {S3CR3T: {}, token: {}}}]";
        assert_eq!(wrong(text), "users[0].user.token has the wrong type");
    }
}
