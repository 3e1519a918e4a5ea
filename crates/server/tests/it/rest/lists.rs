//! Lists: who sees what, filters, order and pages. Projects stand for all of them.

use super::{names, refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::TestApp;
use serde_json::json;

const PROJECTS: &str = "/api/v2.0/projects";

/// `library` and `open` are public; `team` and `other` are not.
async fn four_projects(app: &TestApp) {
    for (name, public) in [("team", false), ("other", false), ("open", true)] {
        app.project(name, public).await;
    }
}

#[tokio::test]
async fn everybody_sees_what_is_public_or_theirs() {
    on_each_engine(async |app| {
        four_projects(&app).await;
        let member = app.member("team", "ann", Role::LimitedGuest).await;
        let mine = json!({ "project_name": "mine", "public": true });
        assert_eq!(member.post(PROJECTS, &mine).await.status, 201);
        let foreign = app.person("fay").await;
        let of = async |client: &haven_testkit::Client, query: &str| {
            let page = client.get(&format!("{PROJECTS}{query}")).await;
            assert_eq!(page.header("x-total-count"), page.json().as_array().unwrap().len().to_string());
            names(&page).join(" ")
        };
        for (query, admin, member_sees, others_see) in [
            ("", "library mine open other team", "library mine open team", "library mine open"),
            ("?public=true", "library mine open", "library mine open", "library mine open"),
            ("?public=false", "other team", "team", ""),
            ("?q=public%3Dfalse", "other team", "team", ""),
            ("?public=", "library mine open other team", "library mine open team", "library mine open"),
        ] {
            assert_eq!(of(&app.admin(), query).await, admin, "{query}");
            assert_eq!(of(&member, query).await, member_sees, "{query}");
            assert_eq!(of(&foreign, query).await, others_see, "{query}");
            assert_eq!(of(&app.anonymous(), query).await, others_see, "{query}");
        }
        assert_eq!(member.get(&format!("{PROJECTS}?name=team")).await.json()[0]["current_user_role_id"], 5);
        assert_eq!(of(&foreign, "?name=team").await, "", "a filter shows nothing more");
        assert_eq!(of(&foreign, "?q=name%3Dteam").await, "");
    })
    .await;
}

#[tokio::test]
async fn filters_and_orders_narrow_the_list() {
    on_each_engine(async |app| {
        four_projects(&app).await;
        let ann = app.person("ann").await;
        assert_eq!(ann.post(PROJECTS, &json!({ "project_name": "t_m" })).await.status, 201);
        for (query, found) in [
            ("?name=E", "open other team"),
            ("?name=_", "t_m"),
            ("?name=%25", ""),
            ("?owner=ann", "t_m"),
            ("?owner=an", ""),
            ("?q=owner%3Dann", "t_m"),
            ("?q=name%3Dteam", "team"),
            ("?q=name%3D~EA", "team"),
            ("?q=name%253D~ea", "team"),
            ("?q=name%3D%7Bteam%20open%7D", "open team"),
            ("?q=Name%3D~t,public%3Dfalse", "other t_m team"),
            ("?q=project_id%3D1", "library"),
            ("?q=ProjectID%3D%5B~1%5D", "library"),
            ("?q=creation_time%3D%5B2023-11-14T22:13:21~%5D", ""),
            ("?sort=-name", "team t_m other open library"),
            ("?sort=project_id", "library team other open t_m"),
            ("?sort=password,-nothing", "library open other t_m team"),
            ("?q=colour%3Dred&shade=dark", "library open other t_m team"),
            ("?q=&sort=&name=", "library open other t_m team"),
        ] {
            let page = app.admin().get(&format!("{PROJECTS}{query}")).await;
            assert_eq!(names(&page).join(" "), found, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_bad_term_is_refused_and_an_unknown_one_is_not() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let words = "the query string must contain \"=\" and the key/value cannot be empty";
        for q in ["name", "%3Dx", "name%3D", "name%3Dx,", "a%3Db,,c%3Dd"] {
            let refused = admin.get(&format!("{PROJECTS}?q={q}")).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words), "{q}");
        }
        for q in ["name%3D%5Ba", "name%3D%5Ba%5D", "name%3D%7Ba", "name%3D~", "name%3D%5B~%5D"] {
            let refused = admin.get(&format!("{PROJECTS}?q={q}")).await;
            assert_eq!((refused.status, refused.code().as_str()), (400, "BAD_REQUEST"), "{q}");
        }
        for raw in ["q=a;b", "q=%zz", "q=%", "q=%ff"] {
            let refused = admin.get(&format!("{PROJECTS}?{raw}")).await;
            assert_eq!((refused.status, refused.code().as_str()), (400, "BAD_REQUEST"), "{raw}");
        }
        assert_eq!(admin.get(&format!("{PROJECTS}?q=shade%3Ddark,password%3Dx")).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn pages_name_their_neighbours() {
    on_each_engine(async |app| {
        four_projects(&app).await;
        let admin = app.admin();
        let to = |page: u8, size: u8, rel: &str| {
            format!("<{PROJECTS}?page={page}&page_size={size}&sort=-name>; rel=\"{rel}\"")
        };
        let (next, prev) = (|page, size| to(page, size, "next"), |page, size| to(page, size, "prev"));
        for (query, found, link) in [
            ("page_size=2", "team other", next(2, 2)),
            ("page_size=1&page=2", "other", format!("{} , {}", prev(1, 1), next(3, 1))),
            ("page_size=2&page=2", "open library", prev(1, 2)),
            ("page_size=3&page=0", "team other open", next(2, 3)),
            ("page_size=3&page=-4", "team other open", next(2, 3)),
            ("page_size=3&page=3", "", String::new()),
            ("page_size=3&page=9223372036854775807", "", String::new()),
            ("page_size=0&page=7", "team other open library", String::new()),
            ("page_size=-1", "team other open library", String::new()),
            ("page_size=100", "team other open library", String::new()),
        ] {
            let page = admin.get(&format!("{PROJECTS}?sort=-name&{query}")).await;
            assert_eq!(names(&page).join(" "), found, "{query}");
            assert_eq!(page.header("link"), link, "{query}");
            assert_eq!(page.header("x-total-count"), "4", "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_default_page_has_ten() {
    on_each_engine(async |app| {
        for number in 10..21 {
            app.project(&format!("p{number}"), false).await;
        }
        let admin = app.admin();
        let first = admin.get(PROJECTS).await;
        assert_eq!((names(&first).len(), first.header("x-total-count")), (10, "12"));
        assert_eq!(first.header("link"), "</api/v2.0/projects?page=2&page_size=10>; rel=\"next\"");
        let second = admin.get("/api/v2.0/projects?page=2&page_size=10").await;
        assert_eq!(names(&second), ["p19", "p20"]);
        let nobodys = app.anonymous().get(&format!("{PROJECTS}?public=false")).await;
        assert_eq!((nobodys.text().trim_end(), nobodys.header("x-total-count")), ("[]", "0"));
        assert_eq!(nobodys.header("link"), "");
    })
    .await;
}

#[tokio::test]
async fn page_parameters_are_validated_before_anything_else() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let large = "page_size in query should be less than or equal to 100";
        let typed = "page in query must be of type int64: \"two\"";
        for path in ["projects", "repositories", "projects/team/repositories"] {
            let refused = app.anonymous().get(&format!("/api/v2.0/{path}?page_size=101&page=two")).await;
            assert_eq!((refused.status, refused.code().as_str()), (422, "UNPROCESSABLE_ENTITY"), "{path}");
            assert_eq!(refused.message(), format!("validation failure list:\n{typed}\n{large}"), "{path}");
        }
        let refused = app.admin().get(&format!("{PROJECTS}?public=perhaps")).await;
        assert_eq!(refused.status, 422);
        assert!(refused.message().contains("public in query must be of type bool: \"perhaps\""));
    })
    .await;
}

#[tokio::test]
async fn a_list_without_detail_leaves_it_out() {
    on_each_engine(async |app| {
        let full = app.admin().get(PROJECTS).await.json();
        assert_eq!(full[0]["metadata"]["public"], "true");
        assert_eq!(full[0]["owner_name"], "admin");
        let brief = app.admin().get(&format!("{PROJECTS}?with_detail=false")).await.json();
        assert_eq!(brief[0]["name"], "library");
        assert!(brief[0].get("metadata").is_none() && brief[0].get("owner_name").is_none(), "{brief}");
        let list = json!({ "cve_allowlist": { "items": [{ "cve_id": "CVE-1" }] } });
        assert_eq!(app.admin().put(&format!("{PROJECTS}/1"), &list).await.status, 200);
        let full = app.admin().get(PROJECTS).await.json();
        assert_eq!(full[0]["cve_allowlist"]["items"], list["cve_allowlist"]["items"]);
        let brief = app.admin().get(&format!("{PROJECTS}?with_detail=false")).await.json();
        assert_eq!(brief[0]["cve_allowlist"]["items"], json!([]));
    })
    .await;
}
