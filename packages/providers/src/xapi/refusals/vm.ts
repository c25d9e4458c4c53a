import { failed, failedNow, later, no, type Refusals } from './spec.ts'

/** Refusals about VMs. */
export const vmRefusals = {
  BALLOONING_TIMEOUT_BEFORE_MIGRATION: failedNow(
    '{vm 0} did not give back memory in time before its migration. Give it less load, or a fixed size of memory, and try again.',
  ),
  BOOTLOADER_FAILED: failed(
    'The bootloader of {vm 0} failed: {1}. Check that its first disk can boot, or switch it to HVM.',
  ),
  CANNOT_RESET_CONTROL_DOMAIN: no('{vm 0} is the control domain of a host and cannot be reset; restart the host.'),
  CANNOT_RESTART_DEVICE_MODEL: no('The device model of the VM cannot be restarted. Shut the VM down and start it.'),
  DISK_VBD_MUST_BE_READWRITE_FOR_HVM: no(
    'HVM guests write to their disks: attach {vbd 0} so that it can be written to.',
  ),
  DOMAIN_BUILDER_ERROR: failed(
    'Xen could not build the VM ({0}, code {1}): {2}. Check its memory, firmware and kernel settings.',
  ),
  DOMAIN_EXISTS: no(
    '{vm 0} runs already as domain {1}, which the pool did not know of. Restart the toolstack of its host.',
  ),
  DUPLICATE_MAC_SEED: no(
    'Another VM has the same MAC seed ({0}). Import it as a copy, so that it gets new MAC addresses.',
  ),
  DUPLICATE_VM: no('{vm 0} exists already in the pool. Import it as a copy, or delete the other one first.'),
  FAILED_TO_START_EMULATOR: failed(
    'The device emulator {1} of {vm 0} did not start: {2}. The log of the host (daemon.log) says more.',
  ),
  FEATURE_REQUIRES_HVM: no('That works for HVM guests only: {0}. Switch the VM to HVM first.'),
  ILLEGAL_VBD_DEVICE: no('{1} is no place for a drive. Choose one that the VM allows, or leave it open.'),
  MEMORY_CONSTRAINT_VIOLATION: no(
    'The memory limits contradict each other ({0}). The order is: static minimum, dynamic minimum, dynamic maximum, static maximum.',
  ),
  MEMORY_CONSTRAINT_VIOLATION_MAXPIN: no('The memory of this VM has to be fixed: {0}. Set its minimum to its size.'),
  MEMORY_CONSTRAINT_VIOLATION_ORDER: no(
    'The limits of memory are out of order. None may be above the next higher one.',
  ),
  PROVISION_ONLY_ALLOWED_ON_TEMPLATE: no('Only a template makes disks for a new VM. Clone a template instead.'),
  SUSPEND_IMAGE_NOT_ACCESSIBLE: no(
    'The saved memory of the VM ({vdi 0}) cannot be reached from the host. Resume it on a host that sees that storage.',
  ),
  UNKNOWN_BOOTLOADER: no('The bootloader {1} of {vm 0} is not on the host. Set one that is, such as pygrub.'),
  VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE: no(
    'The most virtual processors ({0}) must be a multiple of the cores in each socket ({1}).',
  ),
  VMS_FAILED_TO_COOPERATE: failedNow(
    'VMs did not give memory back when they were asked to. Try again, or shut one down.',
  ),
  VM_ASSIGNED_TO_PROTECTION_POLICY: no('{vm 0} is in a protection policy. Take it out of the policy first.'),
  VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE: no(
    '{vm 0} is in a snapshot schedule of the pool. Take it out of the schedule first.',
  ),
  VM_ATTACHED_TO_MORE_THAN_ONE_VDI_WITH_TIMEOFFSET_MARKED_AS_RESET_ON_BOOT: no(
    '{vm 0} has more than one disk that resets on boot and keeps the time. Leave it on one of them only.',
  ),
  VM_BIOS_STRINGS_ALREADY_SET: no('The BIOS strings of the VM are set already and stay as they are.'),
  VM_CALL_PLUGIN_RATE_LIMIT: later('{vm 0} is asked too often; wait {2} s.'),
  VM_CANNOT_DELETE_DEFAULT_TEMPLATE: no(
    '{vm 0} came with the product and cannot be deleted. Clone it to make one of your own.',
  ),
  VM_CHECKPOINT_RESUME_FAILED: failed(
    '{vm 0} did not resume after its snapshot with memory. It is suspended now: resume it, and see why it failed.',
  ),
  VM_CHECKPOINT_SUSPEND_FAILED: failedNow(
    '{vm 0} could not be suspended for its snapshot with memory. Take a snapshot without memory, or try again.',
  ),
  VM_CRASHED: failed('{vm 0} crashed meanwhile. Look at its console and start it again.'),
  VM_DUPLICATE_VBD_DEVICE: no('{vm 0} has two drives at {2}. Remove one of them.'),
  VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT: failedNow(
    '{vm 0} did not acknowledge the request to shut down. Shut it down from within, or switch it off hard.',
  ),
  VM_FAILED_SUSPEND_ACKNOWLEDGMENT: failedNow(
    '{vm 0} did not acknowledge the request to suspend. Are its guest tools running?',
  ),
  VM_HALTED: no('{vm 0} was shut down meanwhile. Start it again.'),
  VM_HAS_CHECKPOINT: no(
    '{vm 0} has a snapshot with memory, which cannot move to another pool. Delete that snapshot first.',
  ),
  VM_HAS_NO_SUSPEND_VDI: no('{vm 0} has no saved memory to resume from. Power it off by force, then start it.'),
  VM_HAS_PCI_ATTACHED: no('{vm 0} uses a PCI device of its host. Detach the device first.'),
  VM_HAS_SRIOV_VIF: no(
    '{vm 0} has an SR-IOV NIC, which ties it to its host. Replace that NIC by an ordinary one first.',
  ),
  VM_HAS_TOO_MANY_SNAPSHOTS: no(
    '{vm 0} has too many snapshots to move with its disks: one at most. Delete the others first.',
  ),
  VM_HAS_VGPU: no('{vm 0} has a virtual GPU, which does not allow this. Detach the GPU first.'),
  VM_HAS_VUSBS: no('{vm 0} uses a USB device of its host. Detach the device first.'),
  VM_HOST_INCOMPATIBLE_VERSION: no(
    '{host 0} is older than the host that {vm 1} comes from. Choose a newer host, or update this one.',
  ),
  VM_HOST_INCOMPATIBLE_VERSION_MIGRATE: no(
    '{vm 1} cannot migrate to {host 0}, which runs an older version than where it is now. Update that host first.',
  ),
  VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION: no(
    '{vm 2} needs virtual hardware version {3}; {host 0} has {1}. Choose a newer host.',
  ),
  VM_HVM_REQUIRED: no('{vm 0} needs hardware virtualization, and the host has none or it is off in its firmware.'),
  VM_INCOMPATIBLE_WITH_THIS_HOST: no('{vm 0} cannot run on {host 1}: {2}. Choose another host.'),
  VM_IS_PART_OF_AN_APPLIANCE: no('{vm 0} belongs to an appliance (vApp). Start it with the appliance, or take it out.'),
  VM_IS_PROTECTED: no('{vm 0} is protected by high availability. Turn that off for it first.'),
  VM_IS_TEMPLATE: no('{vm 0} is a template. Make a VM from it first.'),
  VM_IS_USING_NESTED_VIRT: no(
    '{vm 0} uses nested virtualization, which does not allow this while it runs. Shut it down first.',
  ),
  VM_LACKS_FEATURE: no('{vm 0} cannot do that: its guest tools do not offer it. Install or update the guest tools.'),
  VM_MEMORY_SIZE_TOO_LOW: no('{vm 0} has too little memory to start. Give it more.'),
  VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED: failedNow(
    'The other host could not be reached for the migration. Check the network between the hosts and the firewall (port 443).',
  ),
  VM_MIGRATE_FAILED: failed('{vm 0} could not migrate from {host 1} to {host 2}: {3}. It is where it was.'),
  VM_NON_SUSPENDABLE: no('{vm 0} cannot be suspended: {1}.'),
  VM_NOT_RESIDENT_HERE: no('{vm 0} does not run on {host 1}. It may have moved; look again.'),
  VM_NO_CRASHDUMP_SR: no('{vm 0} has nowhere to write a crash dump. Set a storage for crash dumps on the host.'),
  VM_NO_EMPTY_CD_VBD: no('{vm 0} has no empty CD drive. Eject what is in it first.'),
  VM_NO_SUSPEND_SR: no('{vm 0} has nowhere to save its memory. Set a storage for suspended VMs on the pool.'),
  VM_NO_VCPUS: no('{vm 0} has no virtual processor. Give it one at least.'),
  VM_OLD_PV_DRIVERS: no('The guest tools of {vm 0} (version {1}.{2}) are too old for this. Update them.'),
  VM_PCI_BUS_FULL: no('The PCI bus of {vm 0} is full. Detach a disk, NIC or device first.'),
  VM_PV_DRIVERS_IN_USE: no('{vm 0} uses its drives through guest drivers, which does not allow this while it runs.'),
  VM_REBOOTED: failedNow('{vm 0} rebooted meanwhile. Try again when it is up.'),
  VM_REQUIRES_GPU: no('{vm 0} needs a GPU that the host does not have. Choose a host that has one.'),
  VM_REQUIRES_IOMMU: no('{host 0} has no IOMMU, or it is off in the firmware; passthrough needs it.'),
  VM_REQUIRES_NETWORK: no('{vm 0} uses {net 1}, which the host does not have. Choose another host or network.'),
  VM_REQUIRES_SR: no(
    '{vm 0} has disks on {sr 1}, which the host does not see. Choose another host, or move the disks as well.',
  ),
  VM_REQUIRES_VDI: no('{vm 0} needs {vdi 1}, which the host cannot reach. Is its storage attached there?'),
  VM_REQUIRES_VGPU: no('{vm 0} needs a virtual GPU that the host cannot give. Choose another host, or detach the GPU.'),
  VM_REQUIRES_VUSB: no('{vm 0} uses a USB device that is on another host. Start it there, or detach the device.'),
  VM_REVERT_FAILED: failed(
    '{vm 0} could not be set back to {snapshot 1}. It may be half changed: look at its disks before starting it.',
  ),
  VM_SHUTDOWN_TIMEOUT: failedNow(
    '{vm 0} did not shut down within {1} s. Shut it down from within, or switch it off by force.',
  ),
  VM_SNAPSHOT_WITH_QUIESCE_FAILED: failedNow(
    '{vm 0} could not be quiesced. Take an ordinary snapshot, or look into its guest agent.',
  ),
  VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED: no('{vm 0} cannot be quiesced: {1}. Take an ordinary snapshot.'),
  VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND: failedNow(
    'The guest agent of {vm 0} does not answer the request to quiesce.',
  ),
  VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT: failedNow('Quiescing {vm 0} took too long. Try again when it is less busy.'),
  VM_SUSPEND_TIMEOUT: failedNow('{vm 0} was not suspended within {1} s. Try again when it is less busy.'),
  VM_TOO_MANY_VCPUS: no('{vm 0} has more virtual processors than the host can give. Give it fewer.'),
  VM_TO_IMPORT_IS_NOT_NEWER_VERSION: no(
    '{vm 0} is there in version {1} already, which is not older than {2}. Delete it, or import a copy.',
  ),
  VM_UNSAFE_BOOT: no('{vm 0} may be running elsewhere already. Make sure that it is not, or its disks are damaged.'),
  VTPM_MAX_AMOUNT_REACHED: no('A VM has {0} virtual TPM at most. This one has it already.'),
} as const satisfies Refusals
