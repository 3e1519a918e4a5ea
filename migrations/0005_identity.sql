-- Sessions of browsers, failed log-ins, groups of people, and tokens that people make for their programs.

-- Any replica knows every session. Of its id only the SHA-256 is kept: who reads this table can enter with none of it.
CREATE TABLE session (
    id_hash    {{bytes}} PRIMARY KEY,
    user_id    BIGINT  NOT NULL REFERENCES user_account (id),
    -- That of the account when somebody logged in: a later one ends the session.
    version    BIGINT  NOT NULL,
    -- Wherever the person came from says that they administer the installation.
    auth_admin BOOLEAN NOT NULL DEFAULT FALSE,
    started_at BIGINT  NOT NULL,
    -- Moved on in steps, not with every request.
    used_at    BIGINT  NOT NULL
);
CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_used ON session (used_at);

-- Wrong passwords, by a keyed hash of who they were tried for and the network they came from.
CREATE TABLE login_failure (
    key        {{bytes}} PRIMARY KEY,
    failures   BIGINT NOT NULL,
    -- Before that nothing from there is looked at.
    wait_until BIGINT NOT NULL,
    failed_at  BIGINT NOT NULL
);
CREATE INDEX login_failure_failed ON login_failure (failed_at);

CREATE TABLE user_group (
    id         {{id}},
    name       {{name}} NOT NULL,
    -- 1 of an LDAP directory, 2 of an authentication proxy, 3 of an OIDC provider.
    type       BIGINT NOT NULL,
    ldap_dn    TEXT   NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX user_group_name ON user_group (name);
CREATE UNIQUE INDEX user_group_dn ON user_group (ldap_dn) WHERE ldap_dn <> '';

-- Who is in which group, as the directory said when they logged in last.
CREATE TABLE user_group_member (
    user_id  BIGINT NOT NULL REFERENCES user_account (id),
    group_id BIGINT NOT NULL REFERENCES user_group (id),
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX user_group_member_group ON user_group_member (group_id);

-- Tokens of people: looked up by the part that is no secret; of the rest a salted SHA-256 is kept, for it is random.
CREATE TABLE access_token (
    id          {{id}},
    user_id     BIGINT NOT NULL REFERENCES user_account (id),
    name        {{name}} NOT NULL,
    description TEXT   NOT NULL DEFAULT '',
    lookup      TEXT   NOT NULL,
    salt        {{bytes}} NOT NULL,
    hash        {{bytes}} NOT NULL,
    -- Words with commas between them.
    scopes      TEXT   NOT NULL,
    -- Ids with commas between them: it counts in these projects only. Empty: in all.
    projects    TEXT   NOT NULL DEFAULT '',
    created_at  BIGINT NOT NULL,
    -- 0: it never expires.
    expires_at  BIGINT NOT NULL,
    -- To within some minutes; 0: never.
    used_at     BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX access_token_lookup ON access_token (lookup);
CREATE UNIQUE INDEX access_token_name ON access_token (user_id, name);
CREATE INDEX access_token_expires ON access_token (expires_at) WHERE expires_at > 0;
