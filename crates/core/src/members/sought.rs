//! Who is meant by the body of a request: a user or a group, by number or by name.

use super::{Entity, sql};
use crate::{App, Error, Result};
use haven_db::{Value, params};

/// The type of a group of an LDAP directory.
const LDAP: i64 = 1;

/// Everything that a request says of somebody. Clients send what they do not know as empty or zero.
#[derive(Clone, Debug, Default)]
pub struct Named {
    pub user: NamedUser,
    pub group: NamedGroup,
}

/// A user in the words of a request.
#[derive(Clone, Debug, Default)]
pub struct NamedUser {
    pub id: i64,
    pub username: String,
}

/// A group in the words of a request.
#[derive(Clone, Debug, Default)]
pub struct NamedGroup {
    pub id: i64,
    pub name: String,
    /// The number of its type: 1 LDAP, 2 HTTP, 3 OIDC.
    pub kind: i64,
    pub ldap_dn: String,
}

/// The one thing of it that counts.
#[derive(Debug, PartialEq, Eq)]
enum Sought<'a> {
    UserId(i64),
    GroupId(i64),
    Username(&'a str),
    /// As directories compare it: in lower case, without spaces around it.
    GroupDn(String),
    GroupName(&'a str, i64),
}

impl Named {
    /// A number counts before a name, and a user before a group.
    fn sought(&self) -> Result<Sought<'_>> {
        let Self { user, group } = self;
        let dn = group.ldap_dn.trim();
        Ok(if user.id != 0 {
            Sought::UserId(user.id)
        } else if group.id != 0 {
            Sought::GroupId(group.id)
        } else if !user.username.is_empty() {
            Sought::Username(&user.username)
        } else if !dn.is_empty() {
            Sought::GroupDn(dn.to_lowercase())
        } else if !group.name.is_empty() {
            Sought::GroupName(&group.name, group.kind)
        } else {
            return Err(Error::bad_request("at least one of member_user or member_group must be provided"));
        })
    }

    /// Who is meant, in the words of the request.
    pub fn text(&self) -> String {
        match self.sought() {
            Ok(Sought::UserId(id) | Sought::GroupId(id)) => id.to_string(),
            Ok(Sought::Username(name) | Sought::GroupName(name, _)) => name.to_owned(),
            Ok(Sought::GroupDn(dn)) => dn,
            Err(_) => String::new(),
        }
    }

    /// The user or group that is meant.
    ///
    /// # Errors
    /// `BadRequest` when nobody is named or a number is nobody's, `NotFound` when a name is.
    pub(super) async fn find(&self, app: &App) -> Result<Entity> {
        match self.sought()? {
            Sought::UserId(id) => {
                let found = one(app, sql::USER_BY_ID, params![id]).await?;
                found.map(Entity::User).ok_or_else(|| Error::bad_request(format!("user {id} is not found")))
            }
            Sought::GroupId(id) => {
                let found = one(app, sql::GROUP_BY_ID, params![id]).await?;
                let unknown = || Error::bad_request(format!("the user group with id {id} is not found"));
                found.map(Entity::Group).ok_or_else(unknown)
            }
            Sought::Username(name) => {
                let found = one(app, sql::USER_BY_NAME, params![name]).await?;
                found
                    .map(Entity::User)
                    .ok_or_else(|| Error::not_found(format!("user {} is not found", beginning(name))))
            }
            Sought::GroupDn(dn) => {
                let found = one(app, sql::GROUP_BY_DN, params![dn.as_str(), LDAP]).await?;
                let unknown = || Error::not_found(format!("LDAP group {} is not found", beginning(&dn)));
                found.map(Entity::Group).ok_or_else(unknown)
            }
            // Where accounts are local, there is no place from which an unknown group could be brought.
            Sought::GroupName(name, kind) => {
                let found = one(app, sql::GROUP_BY_NAME, params![name, kind]).await?;
                let unknown = || Error::not_found(format!("{} not found", beginning(name)));
                found.map(Entity::Group).ok_or_else(unknown)
            }
        }
    }
}

/// As much of a name as an answer repeats.
fn beginning(name: &str) -> String {
    name.chars().take(255).collect()
}

async fn one(app: &App, statement: &str, values: &[Value]) -> Result<Option<i64>> {
    let row = app.db.query_opt(statement, values).await?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_of_what_is_said_counts() {
        let mut all = Named {
            user: NamedUser { id: 7, username: "ann".into() },
            group: NamedGroup { id: 8, name: "devs".into(), kind: 3, ldap_dn: " CN=Devs,DC=Example ".into() },
        };
        assert_eq!(all.sought().unwrap(), Sought::UserId(7));
        all.user.id = 0;
        assert_eq!(all.sought().unwrap(), Sought::GroupId(8));
        all.group.id = 0;
        assert_eq!(all.sought().unwrap(), Sought::Username("ann"));
        all.user.username.clear();
        assert_eq!(all.sought().unwrap(), Sought::GroupDn("cn=devs,dc=example".into()));
        all.group.ldap_dn = " ".into();
        assert_eq!(all.sought().unwrap(), Sought::GroupName("devs", 3));
        all.group.name.clear();
        let refused = all.sought().unwrap_err();
        assert_eq!(refused.message, "at least one of member_user or member_group must be provided");
    }
}
