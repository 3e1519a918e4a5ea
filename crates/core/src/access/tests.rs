//! The table against spot facts, and the rules of tokens and robots.

use super::policy::{of_roles, of_system, public_may, role_may};
use super::robot::Verdict;
use super::{
    Access, Action, Resource, Rights, Robot, Role, SystemResource, TokenAccess, TokenCaller, grantable,
    system_grantable,
};
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
            project_id: None,
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
    let numbered = |id| {
        let mut token = token(&["pull"], false);
        token.access[0].project_id = Some(id);
        token
    };
    assert!(may(&numbered(7), &project("team", 1_061), Action::Pull), "the same, whatever the clocks say");
    assert!(!may(&numbered(8), &team, Action::Pull), "another of the same name");
    assert!(!token(&["*"], false).may(&team, Resource::Artifact, Action::Read), "no rights outside /v2");
}

fn access(action: Action, denied: bool) -> Access<Resource> {
    Access { resource: Resource::Repository, action, denied }
}

fn robot(project: Option<i64>, given: &[(Option<i64>, Action, bool)]) -> Robot {
    let mut rights = Rights::default();
    for (place, action, denied) in given {
        rights.in_project(*place, access(*action, *denied));
    }
    Robot { id: 1, name: "robot$ci".into(), project, rights }
}

#[test]
fn words_read_back() {
    for (resource, action) in grantable().chain(of_roles()) {
        assert_eq!(Resource::from_word(resource.as_str()), Some(resource));
        assert_eq!(Action::from_word(action.as_str()), Some(action));
    }
    for (resource, _) in system_grantable().chain(of_system()) {
        assert_eq!(SystemResource::from_word(resource.as_str()), Some(resource));
    }
    assert_eq!((Resource::from_word("user"), Action::from_word("")), (None, None));
}

#[test]
fn nothing_that_robots_may_not_be_granted_gets_in() {
    let mut rights = Rights::default();
    for action in [Action::Update, Action::Operate, Action::ScannerPull] {
        for denied in [true, false] {
            rights.in_project(None, Access { resource: Resource::Robot, action, denied });
            rights.in_project(Some(7), Access { resource: Resource::Configuration, action, denied });
            rights.on_system(Access { resource: SystemResource::Configuration, action, denied });
        }
    }
    rights.in_project(None, access(Action::ScannerPull, false));
    let robot = Robot { id: 1, name: String::new(), project: None, rights };
    assert_eq!(robot.verdict(7, Resource::Robot, Action::Update), Verdict::Silent);
    assert_eq!(robot.verdict(7, Resource::Repository, Action::ScannerPull), Verdict::Silent);
    assert!(!robot.may_on_system(SystemResource::Configuration, Action::Update));
    assert!(!robot.is_everywhere() && robot.named().next().is_none());
}

#[test]
fn a_robot_may_what_it_was_given_where_it_was_given() {
    use Action::{Delete, Pull, Push};
    use Verdict::{Allowed, Denied, Silent};
    let table = [
        (robot(None, &[(None, Pull, false)]), 7, Pull, Allowed),
        (robot(None, &[(None, Pull, false)]), 7, Push, Silent),
        (robot(None, &[(Some(7), Pull, false)]), 7, Pull, Allowed),
        (robot(None, &[(Some(7), Pull, false)]), 8, Pull, Silent),
        (robot(None, &[(None, Pull, false), (Some(7), Pull, true)]), 7, Pull, Denied),
        (robot(None, &[(None, Pull, true), (Some(7), Pull, false)]), 7, Pull, Denied),
        (robot(None, &[(None, Pull, false), (Some(7), Pull, true)]), 8, Pull, Allowed),
        (robot(None, &[(Some(7), Push, false)]), 7, Pull, Silent),
        (robot(Some(7), &[(Some(7), Push, false)]), 7, Pull, Allowed),
        (robot(Some(7), &[(Some(7), Push, false)]), 7, Delete, Silent),
        (robot(Some(7), &[(Some(7), Push, false), (Some(7), Pull, true)]), 7, Pull, Denied),
        (robot(Some(7), &[(Some(7), Push, true)]), 7, Pull, Denied),
        (robot(Some(7), &[(Some(8), Pull, false), (None, Pull, false)]), 8, Pull, Silent),
    ];
    for (robot, project, action, verdict) in table {
        let found = robot.verdict(project, Resource::Repository, action);
        assert_eq!(found, verdict, "{action:?} in {project} by {robot:?}");
    }
}

/// Every choice of so many of these.
fn choices<T: Copy>(all: &[T], most: usize) -> Vec<Vec<T>> {
    let mut chosen = vec![Vec::new()];
    for item in all {
        for at in 0..chosen.len() {
            if chosen[at].len() < most {
                let mut more: Vec<T> = chosen[at].clone();
                more.push(*item);
                chosen.push(more);
            }
        }
    }
    chosen
}

#[test]
fn whoever_may_make_a_robot_may_all_that_it_may() {
    let mut all = Vec::new();
    for place in [None, Some(1), Some(2)] {
        for action in [Action::Pull, Action::Push] {
            all.extend([(place, action, false), (place, action, true)]);
        }
    }
    let mut made = 0;
    for (own, to) in [(None, None), (None, Some(1)), (Some(1), Some(1))] {
        for given in choices(&all, 3) {
            let maker = robot(own, &given);
            for wanted in choices(&all, 2) {
                let other = robot(to, &wanted);
                if !maker.includes(&other.rights, to) {
                    continue;
                }
                made += 1;
                for (project, action) in
                    [1, 2, 3].into_iter().flat_map(|at| [(at, Action::Pull), (at, Action::Push)])
                {
                    let may = |robot: &Robot| {
                        robot.verdict(project, Resource::Repository, action) == Verdict::Allowed
                    };
                    assert!(
                        !may(&other) || may(&maker),
                        "{action:?} in {project}: {given:?} made {wanted:?} of {to:?}"
                    );
                }
            }
        }
    }
    assert!(made > 1_000);
}
