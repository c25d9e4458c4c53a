import { failed, failedNow, later, no, type Refusals } from './spec.ts'

/** Refusals about pools: joining, high availability, updates. */
export const poolRefusals = {
  HA_ABORT_NEW_MASTER: failed('The new master was not taken: {0}. The old one leads on.'),
  HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE: no(
    'The bond of the management NIC cannot change while high availability is on.',
  ),
  HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED: no(
    'A VM that high availability protects uses {net 0}, which is not on all hosts.',
  ),
  HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED: no(
    'A VM that high availability protects has disks on {sr 0}, which is not shared. Move them first.',
  ),
  HA_DISABLE_IN_PROGRESS: later('High availability is being turned off. Wait until that is done.'),
  HA_ENABLE_IN_PROGRESS: later('High availability is being turned on. Wait until that is done.'),
  HA_FAILED_TO_FORM_LIVESET: failed(
    'The hosts could not find each other for high availability. Check the network and the heartbeat storage.',
  ),
  HA_HEARTBEAT_DAEMON_STARTUP_FAILED: failed(
    'The heartbeat service of high availability did not start. Look into xha.log of the host.',
  ),
  HA_HOST_CANNOT_ACCESS_STATEFILE: no('A host cannot reach the heartbeat disk. Check its storage.'),
  HA_HOST_CANNOT_SEE_PEERS: no('{host 0} does not see all other hosts. Check the network between them.'),
  HA_HOST_IS_ARMED: no('{host 0} is armed by high availability. Turn that off first.'),
  HA_IS_ENABLED: no('High availability is on, which does not allow this. Turn it off first.'),
  HA_LOST_STATEFILE: failed('The host has lost the heartbeat disk. Check its storage at once: it may restart itself.'),
  HA_NOT_ENABLED: no('High availability is off.'),
  HA_NOT_INSTALLED: no('{host 0} lacks the software for high availability.'),
  HA_NO_PLAN: no(
    'There is no way to start all protected VMs after that many failures. Protect fewer, or plan for fewer failures.',
  ),
  HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN: no(
    'Afterwards the pool could not start all protected VMs when hosts fail. Protect fewer VMs, or plan for fewer failures.',
  ),
  HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED: no(
    'High availability is on in the pool and the host takes no VMs. Take it out of maintenance.',
  ),
  HA_SHOULD_BE_FENCED: no('{host 0} should have restarted itself. Restart it.'),
  HA_TOO_FEW_HOSTS: no('High availability needs more hosts that are on.'),
  INCOMPATIBLE_STATEFILE_SR: no('A storage of the type {0} cannot hold the heartbeat. Use iSCSI, FC or NFS.'),
  HOSTS_NOT_COMPATIBLE: no('The hosts do not go together in one pool.'),
  HOSTS_NOT_HOMOGENEOUS: no('The hosts differ too much for one pool: {0}. Join by force if it is a small difference.'),
  JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS: no(
    'The joining host leads a pool with other hosts. Eject those first.',
  ),
  JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS: no(
    'The joining host has shared storages. Forget them there first; add them to the pool afterwards.',
  ),
  JOINING_HOST_CANNOT_HAVE_RUNNING_OR_SUSPENDED_VMS: no(
    'The joining host has running or suspended VMs. Shut them down first.',
  ),
  JOINING_HOST_CANNOT_HAVE_RUNNING_VMS: no('The joining host has running VMs. Halt them first.'),
  JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS: later(
    'VMs of the joining host are busy. Wait until that is done.',
  ),
  JOINING_HOST_CONNECTION_FAILED: failedNow(
    'The master of the pool cannot be reached from the joining host. Check the address and the network.',
  ),
  JOINING_HOST_SERVICE_FAILED: failedNow(
    'The joining host got no proper answer from the pool. Try again; look into the log of the master.',
  ),
  POOL_JOINING_EXTERNAL_AUTH_MISMATCH: no(
    'The joining host uses another directory service than the pool. Turn it off there first.',
  ),
  POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT: no(
    'The joining host has a certificate authority of the same name with other content. Remove it there.',
  ),
  POOL_JOINING_HOST_HAS_BONDS: no('The joining host has bonds. Remove them there; the pool makes its own.'),
  POOL_JOINING_HOST_HAS_NETWORK_SRIOVS: no('The joining host has SR-IOV networks. Remove them there first.'),
  POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS: no(
    'The joining host has VLANs. Remove them there; the pool makes its own.',
  ),
  POOL_JOINING_HOST_HAS_TUNNELS: no('The joining host has tunnels. Remove them there first.'),
  POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH: no(
    'The management VLAN of the joining host ({0}) is not that of the pool ({1}).',
  ),
  POOL_JOINING_HOST_MUST_HAVE_PHYSICAL_MANAGEMENT_NIC: no('The joining host must be managed through a physical NIC.'),
  POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION: no(
    'The joining host speaks version {0} of the API, the pool {1}. Update one of them.',
  ),
  POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA: no(
    'The database of the joining host has the version {0}, that of the pool {1}. Update one of them.',
  ),
  POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION: no(
    'The joining host has another version than the pool. Update one of them first.',
  ),
  POOL_JOINING_HOST_MUST_ONLY_HAVE_PHYSICAL_PIFS: no(
    'The joining host has NICs that are not physical. Remove its VLANs, bonds and tunnels.',
  ),
  POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH: no(
    'Certificates are verified on one side only. Turn TLS verification on on both.',
  ),
  POOL_JOINING_SM_FEATURES_INCOMPATIBLE: no(
    'The storage drivers of the joining host are of another version than those of the pool. Update it first.',
  ),
  APPLY_UPDATES_IN_PROGRESS: later('Updates are being installed on a host. Wait until that is done.'),
  APPLY_UPDATES_FAILED: failed('Updates could not be installed on {host 0}. Look into its log.'),
  GET_UPDATES_FAILED: failed('The list of updates could not be read. Synchronise the repositories first.'),
  GET_HOST_UPDATES_FAILED: failed('The updates of {host 0} could not be read.'),
  NO_REPOSITORIES_CONFIGURED: no('The pool has no repository for updates. Set one first.'),
  NO_REPOSITORY_ENABLED: no('No repository for updates is enabled. Enable one first.'),
  REPOSYNC_FAILED: failedNow('The repository of updates could not be synchronised. Can the master reach it?'),
  SYNC_UPDATES_IN_PROGRESS: later('Updates are being synchronised. Wait until that is done.'),
  PATCH_ALREADY_APPLIED: no('That patch is installed already.'),
  UPDATE_ALREADY_APPLIED: no('That update is installed already.'),
  NOT_SUPPORTED_DURING_UPGRADE: later(
    'The pool is being upgraded host by host, which does not allow this. Finish the upgrade first.',
  ),
  WLB_DISABLED: no('Workload balancing is off in the pool.'),
  LICENCE_RESTRICTION: no('The edition of the hosts does not include {0}.'),
  FEATURE_RESTRICTED: no('The edition of the hosts does not include this.'),
  LICENSE_EXPIRED: no('The licence of the host has expired. Renew it.'),
  TLS_CONNECTION_FAILED: failed('TLS with {0}, port {1}, failed. Check the certificates and the network.'),
  SSL_VERIFY_ERROR: failed('The certificate of the other end was not accepted: {0}.'),
} as const satisfies Refusals
