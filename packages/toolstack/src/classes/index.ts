import type { MethodSet } from '../dispatch/methods.ts'
import { vdiNbd } from '../nbd/get-nbd-info.ts'
import { hostPlugins } from '../plugins/host-plugins.ts'
import { vmPlugin } from '../plugins/vm-plugin.ts'
import { hostDataSources, srDataSources, vmDataSources } from './data-sources.ts'
import { event } from './event.ts'
import { eventQueue } from './event-queue.ts'
import { gpuGroup, pgpu, vgpu } from './gpu.ts'
import { hostHa, poolHa, vmHa } from './ha.ts'
import { host } from './host.ts'
import { hostCertificates } from './host-certificates.ts'
import { message } from './message.ts'
import { hostExternalAuth, poolExternalAuth } from './external-auth.ts'
import { hostManagement, poolManagement } from './management.ts'
import { blob, secret, vmAppliance } from './misc.ts'
import { bond, network, pif, vlan } from './network.ts'
import { pci } from './pci.ts'
import { plainSetters } from './plain-setters.ts'
import { pool } from './pool-class.ts'
import { poolMembers } from './pool-members.ts'
import { hostSettings, poolSettings } from './pool-settings.ts'
import { poolPatch, poolUpdate } from './pool-update.ts'
import { sdnController } from './sdn-controller.ts'
import { poolSecureBoot, vmSecureBoot } from './secure-boot.ts'
import { session } from './session.ts'
import { pbd, sr } from './sr.ts'
import { auth, role, subject } from './subject.ts'
import { task } from './task.ts'
import { tunnel } from './tunnel.ts'
import { hostUpdates, poolUpdates, repository } from './updates.ts'
import { pusb, usbGroup, vusb } from './usb.ts'
import { vbd } from './vbd.ts'
import { vdi } from './vdi.ts'
import { vif } from './vif.ts'
import { vtpm } from './vtpm.ts'
import { vmLifecycle } from './vm-lifecycle.ts'
import { vmLimits } from './vm-limits.ts'
import { hostMigrate, vmMigrate } from './vm-migrate.ts'
import { vmPower } from './vm-power.ts'
import { vmSnapshots } from './vm-snapshots.ts'

/** What the toolstack does beyond what follows from the data model. Later sets win. */
export const classes: readonly MethodSet[] = [
  ...plainSetters(),
  session,
  event,
  eventQueue,
  task,
  message,
  pool,
  poolMembers,
  poolSettings,
  hostSettings,
  host,
  vmPower,
  vmLifecycle,
  vmLimits,
  vmSnapshots,
  vmMigrate,
  hostMigrate,
  poolHa,
  vmHa,
  hostHa,
  vmDataSources,
  hostDataSources,
  srDataSources,
  hostCertificates,
  hostManagement,
  poolManagement,
  vmSecureBoot,
  poolSecureBoot,
  tunnel,
  sdnController,
  hostPlugins,
  vmPlugin,
  pci,
  pgpu,
  gpuGroup,
  vgpu,
  pusb,
  usbGroup,
  vusb,
  repository,
  poolUpdates,
  hostUpdates,
  poolUpdate,
  poolPatch,
  vmAppliance,
  vbd,
  vif,
  vdi,
  vdiNbd,
  sr,
  pbd,
  network,
  pif,
  vlan,
  bond,
  secret,
  blob,
  subject,
  role,
  auth,
  poolExternalAuth,
  hostExternalAuth,
  vtpm,
]
