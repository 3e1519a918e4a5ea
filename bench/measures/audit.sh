# The first pages of a long audit log and of one with a hundredth of the lines, on both databases.
# shellcheck shell=bash

run_audit() {
  no_peers
  logged SQLite "$((RECORDS / 100))" 'with a hundredth' ''
  logged SQLite "$RECORDS" haven ''
  measure lists --measure audit --only 'audit log' --case SQLite --seconds "$SHORT"
  on_postgres || return 0
  no_peers
  logged PostgreSQL "$((RECORDS / 100))" 'with a hundredth' short_log
  logged PostgreSQL "$RECORDS" haven long_log
  measure lists --measure audit --only 'audit log' --case PostgreSQL --seconds "$SHORT"
}

# logged ENGINE RECORDS NAME DATABASE : a Haven with so many lines about each project.
logged() {
  RECORDS_EACH=$2 filled "$1" "$((TEAMS * 1000))" "$3" "$4" "$((TEAMS * $2)) lines in $1" \
    estate --projects "$TEAMS" --records "$2"
}
