import { alarmArea } from '../alarm/errors.ts'
import { alertArea } from '../alert/errors.ts'
import { bulkArea } from '../bulk/errors.ts'
import { channelArea } from '../channel/errors.ts'
import { clientArea } from '../client/errors.ts'
import { cloudConfigArea } from '../cloud-config/errors.ts'
import { connectionArea } from '../connection/errors.ts'
import { consoleArea } from '../console/errors.ts'
import { diskArea } from '../disk/errors.ts'
import { exportArea } from '../export/errors.ts'
import { fileArea } from '../file/errors.ts'
import { hostArea } from '../host/errors.ts'
import { jobArea } from '../job/errors.ts'
import { networkArea } from '../network/errors.ts'
import { nicArea } from '../nic/errors.ts'
import { pointArea } from '../point/errors.ts'
import { poolArea } from '../pool/errors.ts'
import { protectArea } from '../protect/errors.ts'
import { queryArea } from '../query/errors.ts'
import { replicaArea } from '../replica/errors.ts'
import { repositoryArea } from '../repository/errors.ts'
import { snapshotArea } from '../snapshot/errors.ts'
import { storageArea } from '../storage/errors.ts'
import { taskArea } from '../task/errors.ts'
import { templateArea } from '../template/errors.ts'
import { transferArea } from '../transfer/errors.ts'
import { verifyArea } from '../verify/errors.ts'
import { vmArea } from '../vm/errors.ts'
import { groupArea } from '../group/errors.ts'
import { roleArea } from '../role/errors.ts'
import { savedQueryArea } from '../saved-query/errors.ts'
import { sessionArea } from '../session/errors.ts'
import { settingsArea } from '../settings/errors.ts'
import { tokenArea } from '../token/errors.ts'
import { userArea } from '../user/errors.ts'
import type { CodesOf } from './area.ts'
import { authArea } from './auth-errors.ts'
import { requestArea } from './request-errors.ts'

/** All errors of the contract, by area. */
export const errorAreas = [
  requestArea,
  queryArea,
  authArea,
  connectionArea,
  consoleArea,
  poolArea,
  hostArea,
  verifyArea,
  exportArea,
  replicaArea,
  vmArea,
  templateArea,
  snapshotArea,
  storageArea,
  diskArea,
  networkArea,
  nicArea,
  taskArea,
  alarmArea,
  alertArea,
  channelArea,
  userArea,
  groupArea,
  roleArea,
  tokenArea,
  sessionArea,
  settingsArea,
  savedQueryArea,
  cloudConfigArea,
  repositoryArea,
  pointArea,
  fileArea,
  bulkArea,
  protectArea,
  jobArea,
  transferArea,
  clientArea,
] as const

/** Every code that an endpoint can declare. */
export type ErrorCode = CodesOf<(typeof errorAreas)[number]>

/** All codes. */
export const errorCodes: ReadonlySet<string> = new Set(
  errorAreas.flatMap(({ area, specs }) => Object.keys(specs).map((key) => `${area}.${key}`)),
)
