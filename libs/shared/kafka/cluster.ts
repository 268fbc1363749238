/**
 * kafkajs's cluster, for what its public clients do not offer: it finds leaders and coordinators, and its brokers send single requests.
 * Only what is used here is described.
 */
import type { Kafka } from "kafkajs";
import { SluiceError } from "../errors.ts";

export type ClusterOptions = {
  readonly metadataMaxAge: number;
  readonly allowAutoTopicCreation: boolean;
  readonly isolationLevel: number;
};

export type PartitionMetadata = {
  readonly partitionId: number;
  readonly leader: number;
  readonly partitionErrorCode: number;
  readonly replicas: number[];
  readonly isr: number[];
};

export type Cluster<Broker> = {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, readonly number[]>;
  findBroker(of: { readonly nodeId: string }): Promise<Broker>;
  findGroupCoordinator(of: { readonly groupId: string; readonly coordinatorType: number }): Promise<Broker>;
};

/** A client makes the clusters of its consumers under a symbol of its own. */
export function clusterOf<Made>(kafka: Kafka, options: ClusterOptions): Made {
  const made = Object.getOwnPropertySymbols(kafka).find(({ description }) => description?.endsWith("createCluster"));
  if (made === undefined) throw new SluiceError("internal_error", "this version of kafkajs makes clusters otherwise");
  return (kafka as unknown as Record<symbol, (options: ClusterOptions) => Made>)[made]?.(options) as Made;
}
