import { actionHandlers, type ActionHandlerPorts } from './actions/handlers.ts'
import { alertHandlers, type AlertHandlerPorts } from './features/alert/handlers.ts'
import { auditHandlers, type AuditPorts } from './features/audit/handlers.ts'
import { bulkHandlers } from './features/bulk/handlers.ts'
import { cloudConfigHandlers } from './features/cloud-config/handlers.ts'
import { channelHandlers, type ChannelHandlerPorts } from './features/channel/handlers.ts'
import { connectionHandlers, type ConnectionPorts } from './features/connection/handlers.ts'
import { consoleHandlers, type ConsolePorts } from './features/console/handlers.ts'
import { exportHandlers, type ExportHandlerPorts } from './features/exports/handlers.ts'
import { groupHandlers } from './features/group/handlers.ts'
import { inspectHandlers } from './features/inspect/handlers.ts'
import { inventoryHandlers, type InventoryPorts } from './features/inventory/handlers.ts'
import { readHandlers } from './features/inventory/read-handlers.ts'
import { statsHandlers } from './features/inventory/stats.ts'
import { jobHandlers, runHandlers, type JobHandlerPorts } from './features/job/handlers.ts'
import { metaHandlers, type MetaPorts } from './features/meta/handlers.ts'
import { repositoryHandlers, type RepositoryPorts } from './features/repository/handlers.ts'
import { verifyHandlers, type VerifyHandlerPorts } from './features/prove/verify-handlers.ts'
import { downloadHandlers } from './features/protect/download-handlers.ts'
import { fileHandlers } from './features/protect/file-handlers.ts'
import { leftoverHandlers, type LeftoverPorts } from './features/protect/leftover-handlers.ts'
import { restoreHandlers } from './features/protect/restore-handlers.ts'
import { pointHandlers } from './features/repository/point-handlers.ts'
import { replicaHandlers, type ReplicaHandlerPorts } from './features/replicate/handlers.ts'
import { roleHandlers } from './features/role/handlers.ts'
import { savedQueryHandlers } from './features/saved-query/handlers.ts'
import { sessionHandlers } from './features/session/handlers.ts'
import type { SessionPorts } from './features/session/log-in.ts'
import { settingsHandlers, type SettingsPorts } from './features/settings/handlers.ts'
import { storageHandlers } from './features/storage/handlers.ts'
import { taskHandlers } from './features/task/handlers.ts'
import { transferHandlers, type TransferPorts } from './features/transfer/handlers.ts'
import { uploadHandlers } from './features/transfer/upload-handlers.ts'
import { tokenHandlers } from './features/token/handlers.ts'
import { userHandlers } from './features/user/handlers.ts'
import type { Handlers } from './http/handler.ts'
import { JsonTexts } from './inventory/json-texts.ts'

/** Everything that some handler needs; each takes its part. */
export type HandlerPorts = ActionHandlerPorts &
  AlertHandlerPorts &
  ChannelHandlerPorts &
  AuditPorts &
  ConnectionPorts &
  ConsolePorts &
  InventoryPorts &
  JobHandlerPorts &
  LeftoverPorts &
  MetaPorts &
  RepositoryPorts &
  SessionPorts &
  SettingsPorts &
  TransferPorts &
  VerifyHandlerPorts &
  ExportHandlerPorts &
  ReplicaHandlerPorts

/** The handlers of all endpoints. */
export function makeHandlers(ports: HandlerPorts): Handlers {
  const texts = new JsonTexts()
  const stats = statsHandlers(ports)
  const questions = inspectHandlers(ports)
  const transfers = transferHandlers(ports)
  const consoles = consoleHandlers(ports)
  const given = exportHandlers(ports)
  return {
    meta: metaHandlers(ports),
    session: sessionHandlers(ports),
    token: tokenHandlers(ports),
    connection: { ...connectionHandlers(ports), ...questions.connection },
    inventory: inventoryHandlers(ports),
    pool: { ...readHandlers('pool', ports, texts), ...actionHandlers('pool', ports) },
    host: {
      ...readHandlers('host', ports, texts),
      stats: stats.host,
      ...questions.host,
      console: consoles.host,
      ...actionHandlers('host', ports),
    },
    vm: {
      ...readHandlers('vm', ports, texts),
      stats: stats.vm,
      ...questions.vm,
      console: consoles.vm,
      ...actionHandlers('vm', ports),
      ...transfers.vm,
    },
    template: { ...readHandlers('template', ports, texts), ...actionHandlers('template', ports) },
    snapshot: {
      ...readHandlers('snapshot', ports, texts),
      ...actionHandlers('snapshot', ports),
      ...transfers.snapshot,
    },
    storage: {
      ...readHandlers('storage', ports, texts),
      stats: stats.storage,
      ...storageHandlers(ports),
      ...actionHandlers('storage', ports),
    },
    disk: { ...readHandlers('disk', ports, texts), ...actionHandlers('disk', ports), ...transfers.disk },
    upload: uploadHandlers(ports),
    network: { ...readHandlers('network', ports, texts), ...actionHandlers('network', ports) },
    nic: { ...readHandlers('nic', ports, texts), ...actionHandlers('nic', ports) },
    task: { ...readHandlers('task', ports, texts), ...taskHandlers(ports) },
    alarm: readHandlers('alarm', ports, texts),
    alert: alertHandlers(ports),
    channel: channelHandlers(ports),
    repository: repositoryHandlers(ports),
    point: {
      ...pointHandlers(ports),
      ...restoreHandlers(ports),
      ...leftoverHandlers(ports),
      ...downloadHandlers(ports),
      ...verifyHandlers(ports),
      ...given.point,
    },
    file: fileHandlers(ports),
    export: given.export,
    replica: replicaHandlers(ports),
    user: userHandlers(ports),
    group: groupHandlers(ports),
    role: roleHandlers(ports),
    audit: auditHandlers(ports),
    settings: settingsHandlers(ports),
    savedQuery: savedQueryHandlers(ports),
    cloudConfig: cloudConfigHandlers(ports),
    bulk: bulkHandlers(ports),
    job: jobHandlers(ports),
    run: runHandlers(ports),
  }
}
