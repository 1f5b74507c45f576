//! Reading the provider's own password rules.

use repass_domain::{PasswordPolicy, Rule};
use repass_provider::Classification;
use repass_transport::{Json, Response};

use crate::condition::Pointer;
use crate::row::RowRule;
use crate::template::Template;

#[path = "../presets/keycloak/policy.rs"]
mod keycloak;

/// Rules that stand in a text of the provider's own language.
pub(crate) type ParseRules = fn(&str) -> Vec<Rule>;

/// The languages that are known, each by the name of its preset.
pub(crate) const LANGUAGES: &[(&str, ParseRules)] = &[("keycloak", keycloak::parse)];

/// Where the provider says which passwords may be set.
#[derive(Debug, Clone)]
pub(crate) struct Discovery {
    pub(crate) path: Template,
    /// The place of several policies, of which each user has one.
    pub(crate) list: Option<Pointer>,
    /// The code of each rule, and where its number, flag or text stands.
    pub(crate) rules: Vec<(String, Pointer)>,
    pub(crate) text: Option<(Pointer, ParseRules)>,
}

impl Discovery {
    /// The rules in a response, over those that the table knows. Of several policies what all of them demand, because
    /// which one holds for a user is not known.
    pub(crate) fn read(
        &self,
        response: &Response,
        known: &PasswordPolicy,
    ) -> Result<PasswordPolicy, Classification> {
        let unreadable = || {
            Classification::unreadable()
                .with_hint("the response with the rules is not what the table describes")
        };
        let body = response.json_value().ok_or_else(unreadable)?;
        let policies = match &self.list {
            None => std::slice::from_ref(&body),
            Some(list) => match list.find(&body) {
                Ok(Some(Json::List(policies))) => policies.as_slice(),
                _ => return Err(unreadable()),
            },
        };
        let mut policies = policies
            .iter()
            .map(|policy| self.rules(policy).ok_or_else(unreadable));
        let first = policies.next().unwrap_or(Ok(vec![]))?;
        let rules = policies.try_fold(first, |common, rules| {
            let rules = rules?;
            let weakest = |rule: &Rule| rules.iter().find_map(|other| weaker(rule, other));
            Ok::<_, Classification>(common.iter().filter_map(weakest).collect())
        })?;
        // Which characters count as letters or symbols is seldom published.
        let is_class = |rule: &Rule| {
            matches!(
                rule,
                Rule::Letter
                    | Rule::Digit
                    | Rule::Uppercase
                    | Rule::Lowercase
                    | Rule::MixedCase
                    | Rule::Special
            )
        };
        let (classes, others): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(is_class);
        // Rules that contradict each other are no response to the question which passwords may be set.
        let policy = known.to_builder().exact(others).approximate(classes).build();
        policy.map_err(|_| unreadable())
    }

    fn rules(&self, policy: &Json) -> Option<Vec<Rule>> {
        let mut rules = Vec::new();
        for (code, pointer) in &self.rules {
            let rule = |number| {
                let (code, number_at) = (code.clone(), None);
                RowRule { code, number_at }.rule(number)
            };
            match pointer.find(policy).ok()? {
                None | Some(Json::Null | Json::Bool(false)) => {}
                Some(Json::Bool(true)) => rules.push(rule(None)),
                Some(Json::Text(text)) if code == "other" => {
                    rules.extend((!text.is_empty()).then(|| Rule::Other(text.clone())));
                }
                Some(Json::Number(number)) => match u32::try_from(number.as_u64()?).ok()? {
                    0 => {}
                    number => rules.push(rule(Some(number))),
                },
                Some(_) => return None,
            }
        }
        if let Some((pointer, parse)) = &self.text {
            match pointer.find(policy).ok()? {
                None | Some(Json::Null) => {}
                Some(Json::Text(text)) => rules.extend(parse(text)),
                Some(_) => return None,
            }
        }
        Some(rules)
    }
}

// What both demand.
fn weaker(one: &Rule, other: &Rule) -> Option<Rule> {
    match (one, other) {
        (Rule::MinLength(one), Rule::MinLength(other)) => Some(Rule::MinLength(*one.min(other))),
        (Rule::MaxLength(one), Rule::MaxLength(other)) => Some(Rule::MaxLength(*one.max(other))),
        (Rule::NotRecent(Some(one)), Rule::NotRecent(Some(other))) => {
            Some(Rule::NotRecent(Some(*one.min(other))))
        }
        _ => (one == other).then(|| one.clone()),
    }
}
