import { failed, later, no, type RefusalSpec } from './spec.ts'

/** A group of codes that a user meets rarely: one sentence for all, with the words of the code and its parameters. */
interface Family {
  readonly match: RegExp
  /** `{what}` stands for the words of the code. */
  readonly spec: RefusalSpec
}

/** The first that fits counts; the last one fits everything. */
const families: readonly Family[] = [
  {
    match: /_IN_PROGRESS$/,
    spec: later('Something else is under way that does not allow this: {what}. Wait until that is done.'),
  },
  {
    match: /^(POOL_)?AUTH_|^SUBJECT_|^ROLE_|TOO_MANY_GROUPS/,
    spec: no(
      'The directory service or the roles of the pool do not allow it: {what}. Check the settings of the directory.',
    ),
  },
  {
    match: /CERTIFICATE|^CRL_|^TLS_/,
    spec: no('A certificate is not as it has to be: {what}. Check the certificates of the pool.'),
  },
  { match: /CLUSTER|^COROSYNC/, spec: no('The cluster of the pool does not allow it: {what}. Look at its members.') },
  { match: /^PVS_/, spec: no('The PVS accelerator does not allow it: {what}. Look at the PVS site and its proxies.') },
  {
    match: /^WLB_/,
    spec: failed('Workload balancing does not work: {what}. Check the address and the log-in of its server.'),
  },
  { match: /^LICENSE_|OEM/, spec: no('The licence or edition of the host does not allow it: {what}.') },
  {
    match: /PATCH|UPDATE|REPO|GPGKEY|BUNDLE|LIVEPATCH|GUIDANCE|TELEMETRY/,
    spec: failed('Updating does not work: {what}. Check the repositories and the free space of the hosts.'),
  },
  {
    match: /REDO_LOG|STATE_FILE|STATE_PARTITION|^HA_|DISASTER/,
    spec: no('High availability or disaster recovery does not allow it: {what}.'),
  },
  {
    match: /^(BACKUP|RESTORE)_|DATABASE/,
    spec: failed('The backup of the configuration of the host does not work: {what}.'),
  },
  {
    match: /SRIOV|TUNNEL|^PIF_|^NETWORK_|IGMP|_MGMT_/,
    spec: no('The network does not allow it: {what}. Look at the NICs of the host.'),
  },
  { match: /^VMPP_|^VMSS_/, spec: no('The snapshot schedule does not allow it: {what}.') },
  {
    match: /^(ENABLE|DISABLE|SET)_.*(SSH|CONSOLE)/,
    spec: failed('The settings did not reach all hosts: {what}. Try again when all are on.'),
  },
  {
    match: /^XEN_VSS/,
    spec: failed('The shadow copy service of the Windows guest failed: {what}. Look into its event log.'),
  },
  { match: /^XEN_|^XENAPI_/, spec: failed('The hypervisor refused: {what}.') },
  { match: /^POOL_|^JOINING_/, spec: no('The host cannot join the pool: {what}.') },
  {
    match: /^EVENT_/,
    spec: later('The host did not understand what it was asked to tell: {what}. It is asked again.'),
  },
  { match: /^VM_|^VMS_|^SYSPREP/, spec: no('The VM does not allow it: {what}.') },
  { match: /^SR_|^VDI_|^VBD_|^IMPORT_/, spec: failed('The storage refused: {what}.') },
  { match: /^HOST_/, spec: no('The host does not allow it: {what}.') },
  { match: /./, spec: failed('The host refused: {what}.') },
]

/** The sentence of a code that has none of its own. `{what}` is filled in; parameters stay to be. */
export function familyOf(code: string, count: number): RefusalSpec {
  const words = code
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, ' ')
    .trim()
  const values = Array.from({ length: Math.min(count, 3) }, (_, index) => `{${index}}`).join(', ')
  const what = values === '' ? words : `${words} (${values})`
  // The last family fits every code.
  const spec = families.find(({ match }) => match.test(code))?.spec ?? failed('{what}.')
  return { ...spec, text: spec.text.replace('{what}', what) }
}
