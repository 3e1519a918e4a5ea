# Lists and searches over the REST API with a large estate and with one ten times as large, on both databases.
# shellcheck shell=bash

run_lists() {
  no_peers
  estate SQLite "$TEAMS" 'with a tenth' ''
  estate SQLite "$((TEAMS * 10))" haven ''
  measure lists --case SQLite --seconds "$SHORT"
  on_postgres || return 0
  no_peers
  estate PostgreSQL "$TEAMS" 'with a tenth' tenth
  estate PostgreSQL "$((TEAMS * 10))" haven whole
  measure lists --case PostgreSQL --seconds "$SHORT"
}

# estate ENGINE PROJECTS NAME DATABASE : a Haven with so many projects of 100 repositories of 10 artifacts.
estate() { filled "$1" "$(($2 * 1000))" "$3" "$4" "$2 projects in $1" estate --projects "$2"; }
