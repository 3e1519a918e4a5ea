//! Every setting there is: its name on the wire, its type, what holds until somebody changes it, and what it may be.

use super::shape::{Item, Shape, Stored};
use serde_json::Value;

/// The most bytes that a limit on storage can say: 1024 TiB.
pub(super) const MOST_BYTES: i64 = 1 << 50;
/// The most that a duration can say, in its own unit.
pub(super) const MOST_TIME: i64 = 9_999_999_999;

const TIME: Shape = Shape::Number { least: 1, most: MOST_TIME };
const DEPTH: Shape = Shape::Number { least: 0, most: 2 };
const COUNT: Shape = Shape::Number { least: 0, most: MOST_TIME };

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr, $shape:expr, $shown:expr;)*) => {
        /// The settings in force.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Values {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for Values {
            fn default() -> Self {
                Self { $($name: $default.into(),)* }
            }
        }

        /// All settings, in the order in which they are listed.
        pub const ITEMS: &[Item] = &[$(Item { name: stringify!($name), shape: $shape, shown: $shown },)*];

        impl Values {
            /// Takes over a stored value. A row of a version that knows more settings is none of ours.
            pub(super) fn put(&mut self, name: &str, text: &str) {
                match name {
                    $(stringify!($name) => if let Some(value) = <$type as Stored>::read(text) {
                        self.$name = value;
                    },)*
                    _ => {}
                }
            }

            /// The value of that name as JSON, null for a secret or an unknown name.
            pub fn json(&self, name: &str) -> Value {
                match name {
                    $(stringify!($name) => self.$name.json(),)*
                    _ => Value::Null,
                }
            }
        }
    };
}

/// A value that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// The value itself, for those who must use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "hidden" })
    }
}

settings! {
    /// How people log in.
    auth_mode: String = "db_auth", Shape::Mode, true;
    /// The portal goes to the log-in of the mode at once.
    primary_auth_mode: bool = false, Shape::Flag, true;

    /// Where the directory is.
    ldap_url: String = "", Shape::Filled, true;
    /// Below this people are looked for.
    ldap_base_dn: String = "", Shape::Filled, true;
    /// The attribute that people log in with.
    ldap_uid: String = "cn", Shape::Filled, true;
    /// Who looks for people.
    ldap_search_dn: String = "", Shape::Text, true;
    /// With this password.
    ldap_search_password: Hidden = "", Shape::Secret, false;
    /// Only people of this filter.
    ldap_filter: String = "", Shape::Text, true;
    /// How deep: 0 the base itself, 1 one level, 2 everything below.
    ldap_scope: i64 = 2, DEPTH, true;
    /// Seconds until the directory counts as away.
    ldap_timeout: i64 = 5, COUNT, true;
    /// Whether the directory's certificate is checked.
    ldap_verify_cert: bool = true, Shape::Flag, true;
    /// Below this groups are looked for.
    ldap_group_base_dn: String = "", Shape::Text, true;
    /// Only groups of this filter; empty: groups do not count.
    ldap_group_search_filter: String = "", Shape::Text, true;
    /// The attribute with a group's name.
    ldap_group_attribute_name: String = "", Shape::Text, true;
    /// How deep groups are looked for.
    ldap_group_search_scope: i64 = 2, DEPTH, true;
    /// Members of this group are system administrators.
    ldap_group_admin_dn: String = "", Shape::Text, true;
    /// The attribute with the groups of a person.
    ldap_group_membership_attribute: String = "memberof", Shape::Text, true;
    /// Groups are looked up several at a time.
    ldap_group_attach_parallel: bool = false, Shape::Flag, true;

    /// The name of the OIDC provider, for people.
    oidc_name: String = "", Shape::Text, true;
    /// Its issuer.
    oidc_endpoint: String = "", Shape::Text, true;
    /// Who we are to it.
    oidc_client_id: String = "", Shape::Text, true;
    /// With this secret.
    oidc_client_secret: Hidden = "", Shape::Secret, false;
    /// The scopes that are asked for, separated by commas.
    oidc_scope: String = "", Shape::Text, true;
    /// The claim with a person's name.
    oidc_user_claim: String = "", Shape::Text, true;
    /// The claim with a person's groups.
    oidc_groups_claim: String = "", Shape::Text, true;
    /// Members of this group are system administrators.
    oidc_admin_group: String = "", Shape::Text, true;
    /// Only groups that match this pattern.
    oidc_group_filter: String = "", Shape::Text, true;
    /// Whether the provider's certificate is checked.
    oidc_verify_cert: bool = true, Shape::Flag, true;
    /// People are made at their first log-in without being asked for a name.
    oidc_auto_onboard: bool = false, Shape::Flag, true;
    /// Further parameters of the log-in, a JSON object in a text.
    oidc_extra_redirect_parms: String = "{}", Shape::Map, true;
    /// Logging out here logs out there.
    oidc_logout: bool = false, Shape::Flag, true;

    /// The UAA server.
    uaa_endpoint: String = "", Shape::Text, true;
    /// Who we are to it.
    uaa_client_id: String = "", Shape::Text, true;
    /// With this secret.
    uaa_client_secret: Hidden = "", Shape::Secret, false;
    /// Whether its certificate is checked.
    uaa_verify_cert: bool = false, Shape::Flag, true;

    /// The authentication proxy.
    http_authproxy_endpoint: String = "", Shape::Text, true;
    /// Where its tokens are reviewed.
    http_authproxy_tokenreview_endpoint: String = "", Shape::Text, true;
    /// Members of these groups are system administrators.
    http_authproxy_admin_groups: String = "", Shape::Text, true;
    /// These people are system administrators.
    http_authproxy_admin_usernames: String = "", Shape::Text, true;
    /// Whether its certificate is checked.
    http_authproxy_verify_cert: bool = true, Shape::Flag, true;
    /// People and groups are added without being looked up.
    http_authproxy_skip_search: bool = false, Shape::Flag, true;
    /// The certificate that it must have, PEM.
    http_authproxy_server_certificate: String = "", Shape::Text, true;

    /// Who may create projects: `everyone` or `adminonly`.
    project_creation_restriction: String = "everyone", Shape::Choice(&["everyone", "adminonly"]), true;
    /// Nothing may be changed by anybody, pushes included.
    read_only: bool = false, Shape::Flag, true;
    /// People may register themselves.
    self_registration: bool = false, Shape::Flag, true;
    /// Minutes that a token of the token service holds.
    token_expiration: i64 = 30, TIME, true;
    /// Minutes that a log-in of the portal lasts without being used.
    session_timeout: i64 = 60, TIME, true;
    /// Days that a new access token may hold at most; -1 without limit.
    access_token_max_days: i64 = 365, Shape::Days, true;
    /// Days that a new robot lives, as the portal suggests.
    robot_token_duration: i64 = 30, TIME, true;
    /// What the names of robots begin with.
    robot_name_prefix: String = "robot$", Shape::Prefix, true;
    /// Whether webhooks are sent.
    notification_enable: bool = true, Shape::Flag, true;
    /// Whether limits on the storage of projects count.
    quota_per_project_enable: bool = true, Shape::Flag, true;
    /// The limit of a new project in bytes; -1: none.
    storage_per_project: i64 = -1, Shape::Limit, true;
    /// Shown by the portal; not interpreted here.
    banner_message: String = "", Shape::Text, true;

    /// Kinds of audit records that are not made, separated by commas.
    disabled_audit_log_event_types: String = "", Shape::Text, true;
    /// The syslog server that audit records are sent to, `host:port`.
    audit_log_forward_endpoint: String = "", Shape::Endpoint, true;
    /// Audit records are only sent there.
    skip_audit_log_database: bool = false, Shape::Flag, true;
    /// A scanner's pulls do not count as pulls.
    scanner_skip_update_pulltime: bool = false, Shape::Flag, true;
    /// Pulls are not dated.
    pull_time_update_disable: bool = false, Shape::Flag, false;
    /// Pulls are not counted.
    pull_count_update_disable: bool = false, Shape::Flag, false;
    /// Pulls are not recorded.
    pull_audit_log_disable: bool = false, Shape::Flag, false;
}
