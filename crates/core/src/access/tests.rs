//! The table against spot facts, and the rules of tokens.

use super::policy::{public_may, role_may};
use super::{Action, Resource, Role, TokenAccess, TokenCaller};
use crate::projects::Project;
use haven_db::Timestamp;

fn project(name: &str, created_at: i64) -> Project {
    Project {
        id: 7,
        name: name.parse().unwrap(),
        owner_id: 1,
        public: false,
        created_at: Timestamp(created_at * 1_000_000),
        updated_at: Timestamp(0),
    }
}

fn token(actions: &[&str], expired: bool) -> TokenCaller {
    TokenCaller {
        subject: "ann".into(),
        issued_at: Timestamp(1_000_000_000),
        expired,
        catalog: false,
        access: vec![TokenAccess {
            project: "team".into(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        }],
    }
}

#[test]
fn roles_have_what_the_table_says() {
    use Action::{Create, Delete, List, Pull, Push, Read};
    let table = [
        (Role::ProjectAdmin, Resource::Log, List, true),
        (Role::Maintainer, Resource::Log, List, false),
        (Role::Developer, Resource::Repository, Push, true),
        (Role::Developer, Resource::Repository, Delete, false),
        (Role::Developer, Resource::Tag, Create, true),
        (Role::Developer, Resource::Tag, Delete, false),
        (Role::Guest, Resource::Repository, Push, false),
        (Role::Guest, Resource::Repository, Pull, true),
        (Role::LimitedGuest, Resource::Repository, Read, true),
        (Role::LimitedGuest, Resource::Member, List, false),
    ];
    for (role, resource, action, expected) in table {
        assert_eq!(role_may(role, resource, action), expected, "{role:?} {resource:?} {action:?}");
    }
    assert!(public_may(Resource::Repository, Pull) && public_may(Resource::Repository, List));
    assert!(!public_may(Resource::Repository, Read) && !public_may(Resource::Repository, Push));
    assert!(Role::ALL.into_iter().all(|role| !role_may(role, Resource::Repository, Action::ScannerPull)));
}

#[test]
fn a_token_covers_its_project_only_and_only_in_time() {
    let may =
        |token: &TokenCaller, project: &Project, action| token.may(project, Resource::Repository, action);
    let team = project("team", 0);
    assert!(may(&token(&["pull"], false), &team, Action::Pull));
    assert!(!may(&token(&["pull"], false), &team, Action::Push));
    assert!(may(&token(&["*"], false), &team, Action::Delete));
    assert!(!may(&token(&["*"], false), &project("team2", 0), Action::Pull), "another project");
    assert!(!may(&token(&["pull"], true), &team, Action::Pull), "expired");
    assert!(may(&token(&["pull"], false), &project("team", 1_060), Action::Pull), "within the leeway");
    assert!(!may(&token(&["pull"], false), &project("team", 1_061), Action::Pull), "recreated since");
    assert!(!token(&["*"], false).may(&team, Resource::Artifact, Action::Read), "no rights outside /v2");
}
