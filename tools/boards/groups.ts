/** The board of consumers: which stage holds the others up, and are there enough processes of it? Pure. */
import { type Board, GROUP } from "./panels.ts";

const OF = `{group=~"$group"}`;

export const GROUPS: Board = {
  uid: "sluice-groups",
  title: "Sluice: Groups and scaling",
  about: "Which stage is late, how full is it, and how many processes should it have? docs/observability.md",
  variables: [GROUP],
  rows: [
    {
      title: "Late",
      panels: [
        {
          title: "Age of the oldest unfinished record",
          unit: "s",
          queries: [[`max by (group, topic) (sluice_oldest_unfinished_age_seconds${OF})`, "{{group}} {{topic}}"]],
          bounds: [10, 60],
        },
        {
          title: "Age of the oldest uncommitted record, by the broker",
          about: "Delivered or not, and also while a group has no member; the scaler asks",
          unit: "s",
          queries: [[`max by (group, topic) (sluice_group_oldest_age_seconds${OF})`, "{{group}} {{topic}}"]],
          bounds: [30, 60],
        },
        {
          title: "Lag, by the broker",
          unit: "short",
          queries: [[`max by (group, topic) (sluice_group_lag_records${OF})`, "{{group}} {{topic}}"]],
        },
      ],
    },
    {
      title: "Work",
      panels: [
        {
          title: "Records done a second",
          unit: "ops",
          queries: [[`sum by (group) (rate(sluice_records_done_total${OF}[$__rate_interval]))`, "{{group}}"]],
        },
        {
          title: "In flight, of what may be",
          unit: "percentunit",
          queries: [[`group:sluice_group_in_flight:ratio${OF}`, "{{group}}"]],
          bounds: [0.8, 0.95],
        },
        {
          title: "In flight, and the limit",
          unit: "short",
          queries: [
            [`sum by (group) (sluice_group_in_flight${OF})`, "{{group}}"],
            [`sum by (group) (sluice_group_in_flight_limit${OF})`, "{{group}}: limit"],
          ],
        },
        {
          title: "How long one record takes",
          unit: "s",
          queries: [[`group:sluice_record_seconds:mean5m${OF}`, "{{group}}"]],
        },
        {
          title: "Read, waiting for their turn",
          unit: "short",
          queries: [[`sum by (group) (sluice_records_queued${OF})`, "{{group}}"]],
        },
        {
          title: "Lag, as members see it",
          unit: "short",
          queries: [[`sum by (group, topic) (sluice_lag_records${OF})`, "{{group}} {{topic}}"]],
        },
      ],
    },
    {
      title: "Scaling",
      panels: [
        {
          title: "Desired and running processes",
          unit: "short",
          queries: [
            ["max by (service, tier) (sluice_desired_replicas)", "desired: {{service}} {{tier}}"],
            [`sum by (job) (up{job=~"ingest|router|inference|results"})`, "running: {{job}}"],
          ],
        },
        {
          title: "Members",
          unit: "short",
          queries: [[`max by (group) (sluice_group_members${OF})`, "{{group}}"]],
        },
        {
          title: "Partitions of a member",
          about: "0 for long: more members than partitions",
          unit: "short",
          queries: [[`sluice_partitions_assigned${OF}`, "{{group}} {{instance}}"]],
        },
        {
          title: "How much of its one thread a process uses",
          unit: "percentunit",
          max: 1,
          queries: [["rate(sluice_event_loop_busy_seconds_total[$__rate_interval])", "{{service}} {{instance}}"]],
          bounds: [0.7, 0.85],
        },
        {
          title: "Consumers that were started again",
          unit: "short",
          queries: [[`sum by (group) (increase(sluice_consumer_restarts_total${OF}[$__rate_interval]))`, "{{group}}"]],
        },
        {
          title: "Scalers that lead, and what is held",
          about: "One leads; held is 1 while nothing can be decided",
          unit: "short",
          queries: [
            ["sum(sluice_scaler_leads)", "lead"],
            ["max(sluice_scaler_held)", "held"],
          ],
        },
      ],
    },
  ],
};
