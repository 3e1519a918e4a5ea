//! Requests to the other doors: tokens, the log-in form, pages.

use super::dice::Dice;
use super::pool::Pool;
use super::requests::{Asked, any_method, escape};
use http::Method;

/// The other doors: tokens, the log-in form, pages.
pub(crate) fn door(dice: &mut Dice, pool: &Pool) -> Asked {
    let value = |dice: &mut Dice, name: &str| {
        let text =
            if dice.one_in(4) { dice.odd_text() } else { pool.filling(dice, name).unwrap_or_default() };
        escape(dice, &text).replace(['&', '+'], "")
    };
    let form = "application/x-www-form-urlencoded";
    let with = |method: Method, target: &str, body: String| {
        let mut asked = Asked::new("door", method, target.to_owned()).with("content-type", form);
        asked.body = body.into_bytes();
        asked
    };
    match dice.below(8) {
        0..=2 => {
            let kind = *dice.pick(&["repository", "registry", "x", ""]);
            let name = if dice.one_in(3) { value(dice, "project") } else { pool.repository(dice) };
            let actions = *dice.pick(&["pull", "pull,push", "*", "delete", "", "pull,pull,PUSH"]);
            let service = *dice.pick(&["harbor-registry", "", "x", "harbor-notary"]);
            let target = format!(
                "/service/token?service={service}&scope={kind}:{name}:{actions}&account={}",
                value(dice, "username")
            );
            Asked::new("door", if dice.one_in(8) { any_method(dice) } else { Method::GET }, target)
        }
        3 => {
            let fields = format!("principal={}&password={}", value(dice, "username"), value(dice, "name"));
            with(Method::POST, "/c/login", fields)
        }
        4 => Asked::new("door", Method::GET, "/c/log_out".to_owned()),
        5 => {
            let target = *dice.pick(&["username", "email", "x"]);
            with(Method::POST, "/c/userExists", format!("target={target}&value={}", value(dice, target)))
        }
        6 => {
            let method = any_method(dice);
            with(
                method,
                dice.pick::<&str>(&["/c/login", "/c/log_out", "/c/userExists", "/c/", "/service/token"]),
                junk_form(dice),
            )
        }
        _ => {
            let odd = dice.odd_text();
            let start = *dice.pick(&[
                "/",
                "/api/",
                "/api/v2.0/",
                "/v2/",
                "/healthz/",
                "/harbor/",
                "/devcenter",
                "/static/",
            ]);
            let target = format!("{start}{}", escape(dice, &odd));
            Asked::new("door", any_method(dice), target)
        }
    }
}

fn junk_form(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => "&".repeat(dice.below(5000)),
        1 => "a=%zz&%=%".to_owned(),
        2 => "principal=a&".repeat(dice.below(3000)),
        _ => dice.odd_text(),
    }
}
