import { actions } from '../action/actions.ts'
import { alarmEndpoints } from '../alarm/endpoints.ts'
import { alertEndpoints } from '../alert/endpoints.ts'
import { auditEndpoints } from '../audit/endpoints.ts'
import { bulkEndpoints } from '../bulk/endpoints.ts'
import { channelEndpoints } from '../channel/endpoints.ts'
import { cloudConfigEndpoints } from '../cloud-config/endpoints.ts'
import { callEndpoints } from '../connection/call.ts'
import { connectionEndpoints } from '../connection/endpoints.ts'
import { hostConsole, vmConsole } from '../console/endpoints.ts'
import { diskEndpoints } from '../disk/endpoints.ts'
import { exportEndpoints, pointExportEndpoints } from '../export/endpoints.ts'
import { fileEndpoints } from '../file/endpoints.ts'
import { groupEndpoints } from '../group/endpoints.ts'
import { hostEndpoints } from '../host/endpoints.ts'
import { hostQuestions } from '../host/questions.ts'
import { inventoryEndpoints } from '../inventory/endpoints.ts'
import { jobEndpoints } from '../job/endpoints.ts'
import { metaEndpoints } from '../meta/endpoints.ts'
import { networkEndpoints } from '../network/endpoints.ts'
import { nicEndpoints } from '../nic/endpoints.ts'
import { pointEndpoints } from '../point/endpoints.ts'
import { leftoverEndpoints } from '../point/leftover.ts'
import { restoreEndpoints } from '../point/restore.ts'
import { poolEndpoints } from '../pool/endpoints.ts'
import { replicaEndpoints } from '../replica/endpoints.ts'
import { repositoryEndpoints } from '../repository/endpoints.ts'
import { roleEndpoints } from '../role/endpoints.ts'
import { runEndpoints } from '../run/endpoints.ts'
import { savedQueryEndpoints } from '../saved-query/endpoints.ts'
import { sessionEndpoints } from '../session/endpoints.ts'
import { settingsEndpoints } from '../settings/endpoints.ts'
import { snapshotEndpoints } from '../snapshot/endpoints.ts'
import { hostStats, storageStats, vmStats } from '../stats/endpoints.ts'
import { storageProbeEndpoints } from '../storage/probe.ts'
import { storageEndpoints } from '../storage/endpoints.ts'
import { taskEndpoints } from '../task/endpoints.ts'
import { templateEndpoints } from '../template/endpoints.ts'
import { diskTransfers, snapshotTransfers, uploadEndpoints, vmTransfers } from '../transfer/endpoints.ts'
import { tokenEndpoints } from '../token/endpoints.ts'
import { userEndpoints } from '../user/endpoints.ts'
import { verifyEndpoints } from '../verify/endpoints.ts'
import { vmEndpoints } from '../vm/endpoints.ts'
import { vmQuestions } from '../vm/placement.ts'
import { operationsOf, type Operation } from './contract.ts'

/** Every endpoint of `/api/v1`, by group and name: `contract.vm.list` is the client's `client.vm.list`. */
export const contract = {
  meta: metaEndpoints,
  session: sessionEndpoints,
  token: tokenEndpoints,
  connection: { ...connectionEndpoints, ...callEndpoints },
  inventory: inventoryEndpoints,
  pool: { ...poolEndpoints, ...actions.pool },
  host: { ...hostEndpoints, ...hostQuestions, stats: hostStats, console: hostConsole, ...actions.host },
  vm: { ...vmEndpoints, ...vmQuestions, stats: vmStats, console: vmConsole, ...actions.vm, ...vmTransfers },
  template: { ...templateEndpoints, ...actions.template },
  snapshot: { ...snapshotEndpoints, ...actions.snapshot, ...snapshotTransfers },
  storage: { ...storageEndpoints, stats: storageStats, ...storageProbeEndpoints, ...actions.storage },
  disk: { ...diskEndpoints, ...actions.disk, ...diskTransfers },
  upload: uploadEndpoints,
  network: { ...networkEndpoints, ...actions.network },
  nic: { ...nicEndpoints, ...actions.nic },
  task: taskEndpoints,
  alarm: alarmEndpoints,
  alert: alertEndpoints,
  channel: channelEndpoints,
  repository: repositoryEndpoints,
  point: { ...pointEndpoints, ...restoreEndpoints, ...leftoverEndpoints, ...verifyEndpoints, ...pointExportEndpoints },
  file: fileEndpoints,
  export: exportEndpoints,
  replica: replicaEndpoints,
  user: userEndpoints,
  group: groupEndpoints,
  role: roleEndpoints,
  audit: auditEndpoints,
  settings: settingsEndpoints,
  savedQuery: savedQueryEndpoints,
  cloudConfig: cloudConfigEndpoints,
  bulk: bulkEndpoints,
  job: jobEndpoints,
  run: runEndpoints,
} as const
export type Contract = typeof contract

/** All endpoints with what they are called. Making it refuses what contradicts itself ({@link operationsOf}). */
export const allEndpoints: readonly Operation[] = operationsOf(contract)
