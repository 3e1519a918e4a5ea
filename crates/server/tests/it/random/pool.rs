//! Names, numbers and digests of things that are there, by the name of the hole or member that they fill.

use super::dice::Dice;
use crate::access::matrix::{PROJECT, SYSTEM, action};
use haven_db::Db;
use std::collections::HashMap;

/// The built-in icon of images.
const PICTURE: &str = "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06";

/// What there is now.
pub(crate) struct Pool {
    values: HashMap<&'static str, Vec<String>>,
    /// Where open upload sessions answer.
    pub(crate) uploads: Vec<String>,
}

/// The first that were made and the last.
async fn some(db: &Db, table: &str, column: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (order, limit) in [("ASC", 4), ("DESC", 12)] {
        let sql = format!(
            "SELECT CAST({column} AS TEXT) FROM {table} ORDER BY {table}.created_at {order}, 1 {order} LIMIT {limit}"
        );
        found.extend(db.query(&sql, &[]).await.unwrap().iter().map(|row| row.get::<String>(0).unwrap()));
    }
    found
}

impl Pool {
    /// Reads what there is. Marked names are left out: whoever is told them without having said them saw what is hidden.
    pub(crate) async fn of(db: &Db, projects: &[String], marker: &str) -> Self {
        let mut values: HashMap<&'static str, Vec<String>> = HashMap::new();
        for (hole, table, column) in [
            ("user_id", "user_account", "id"),
            ("username", "user_account", "username"),
            ("group_id", "user_group", "id"),
            ("group_name", "user_group", "name"),
            ("robot_id", "robot", "id"),
            ("robot_name", "robot", "name"),
            ("label_id", "label", "id"),
            ("label_name", "label", "name"),
            ("token_id", "access_token", "id"),
            ("mid", "project_member", "id"),
            ("project_id", "project", "id"),
            ("blob", "blob", "digest"),
        ] {
            values.insert(hole, some(db, table, column).await);
        }
        let quotas = "SELECT CAST(id AS TEXT) FROM quota ORDER BY id DESC LIMIT 12";
        let digests = "SELECT digest FROM artifact ORDER BY id DESC LIMIT 24";
        for (hole, sql) in [("quota_id", quotas), ("digest", digests)] {
            let rows = db.query(sql, &[]).await.unwrap();
            values.insert(hole, rows.iter().map(|row| row.get(0).unwrap()).collect());
        }
        values.insert("project_name", projects.to_vec());
        for known in values.values_mut() {
            known.retain(|value| !value.contains(marker));
            // So that a list is never empty.
            known.push("999999".to_owned());
        }
        Self { values, uploads: Vec::new() }
    }

    /// One of those of this name.
    pub(crate) fn known(&self, dice: &mut Dice, name: &str) -> String {
        dice.pick(&self.values[name]).clone()
    }

    pub(crate) fn project(&self, dice: &mut Dice) -> String {
        let name = if dice.one_in(5) { "project_id" } else { "project_name" };
        self.known(dice, name)
    }

    /// A repository with its project.
    pub(crate) fn repository(&self, dice: &mut Dice) -> String {
        format!("{}/{}", self.known(dice, "project_name"), dice.pick(&REPOSITORIES))
    }

    pub(crate) fn reference(&self, dice: &mut Dice) -> String {
        if dice.one_in(2) { self.known(dice, "digest") } else { (*dice.pick(&TAGS)).to_owned() }
    }

    /// What fills a hole of a path, a parameter or a member of a body; nothing for a name that says nothing.
    pub(crate) fn filling(&self, dice: &mut Dice, name: &str) -> Option<String> {
        if let Some(known) = self.values.get(name) {
            return Some(dice.pick(known).clone());
        }
        let words: &[&str] = match name {
            "project_name_or_id" | "project" | "namespace" | "projects" => {
                return Some(if dice.one_in(8) { "*".to_owned() } else { self.project(dice) });
            }
            "repository_name" => &REPOSITORIES,
            "tag_name" => &TAGS,
            "reference" => return Some(self.reference(dice)),
            "from" | "mount" => {
                let (repository, reference) = (self.repository(dice), self.reference(dice));
                return Some(format!(
                    "{repository}{}{reference}",
                    if reference.contains(':') { '@' } else { ':' }
                ));
            }
            "id" => return Some(self.any_number(dice)),
            "name" => return Some(self.any_name(dice)),
            "project_label_id" => return self.filling(dice, "label_id"),
            "system_robot_id" | "old_robot_id" => return self.filling(dice, "robot_id"),
            "meta_name" => &[
                "public",
                "auto_scan",
                "severity",
                "prevent_vul",
                "reuse_sys_cve_allowlist",
                "proxy_speed_kb",
            ],
            "addition" => {
                &["build_history", "values.yaml", "readme.md", "dependencies", "sbom", "license", "files"]
            }
            "role_id" | "member_role" => &["1", "2", "3", "4", "5", "6"],
            "kind" | "level" => &["project", "system"],
            "scope" | "scopes" => {
                &["g", "p", "pull", "push", "read", "api", "/project/1", "/project/2", "/system"]
            }
            "resource" => {
                let row = dice.below(PROJECT.len() + SYSTEM.len());
                return Some(
                    PROJECT.get(row).map_or_else(|| SYSTEM[row - PROJECT.len()].0, |row| row.0).to_owned(),
                );
            }
            "action" => {
                return Some(action(*dice.pick(&['C', 'R', 'U', 'D', 'L', 'p', 'P', 'o', 's'])).to_owned());
            }
            "email" => &["a@example.com", "fay@example.com", "admin@example.com", "x"],
            "password" | "new_password" | "old_password" | "secret" => {
                &["Harbor12345", "Harbor54321", "short", "Aa1aaaaa"]
            }
            "storage" | "storage_limit" => &["-1", "0", "1", "1000000", "1099511627776"],
            "duration" | "expires_at" => &["-1", "0", "1", "30", "36500", "9223372036854775807"],
            "color" => &["#000000", "#A1B2C3", "red"],
            "public" | "sysadmin_flag" | "disable" => &["true", "false"],
            "picture" => &[PICTURE],
            _ => return None,
        };
        Some((*dice.pick(words)).to_owned())
    }

    fn any_number(&self, dice: &mut Dice) -> String {
        let kind =
            *dice.pick(&["user_id", "robot_id", "label_id", "mid", "quota_id", "project_id", "group_id"]);
        self.known(dice, kind)
    }

    fn any_name(&self, dice: &mut Dice) -> String {
        match dice.below(6) {
            0 => self.known(dice, "robot_name"),
            1 => format!("robot${}", self.known(dice, "robot_name")),
            2 => self.known(dice, "label_name"),
            3 => (*dice.pick(&TAGS)).to_owned(),
            4 => self.known(dice, "username"),
            _ => format!("new{}", dice.below(1000)),
        }
    }
}

pub(crate) const REPOSITORIES: [&str; 6] = ["web", "deep/web", "deep%2Fweb", "deep%252Fweb", "chart", "none"];
pub(crate) const TAGS: [&str; 7] = ["v1", "old", "doomed", "latest", "index", "none", "new"];
