import type { Ref } from '../generated/rows.ts'
import type { GenerateContext } from './context.ts'

/** [address, class, class name, vendor, vendor name, device, device name, driver] by the PCI ID database. */
const devices = [
  [
    '0000:01:00.0',
    '0108',
    'Non-Volatile memory controller',
    '144d',
    'Samsung Electronics Co Ltd',
    'a80a',
    'NVMe SSD Controller PM9A1/PM9A3/980PRO',
    'nvme',
  ],
  [
    '0000:24:00.0',
    '0300',
    'VGA compatible controller',
    '1a03',
    'ASPEED Technology, Inc.',
    '2000',
    'ASPEED Graphics Family',
    'ast',
  ],
  [
    '0000:41:00.0',
    '0200',
    'Ethernet controller',
    '15b3',
    'Mellanox Technologies',
    '1015',
    'MT27710 Family [ConnectX-4 Lx]',
    'mlx5_core',
  ],
  [
    '0000:41:00.1',
    '0200',
    'Ethernet controller',
    '15b3',
    'Mellanox Technologies',
    '1015',
    'MT27710 Family [ConnectX-4 Lx]',
    'mlx5_core',
  ],
  ['0000:81:00.0', '0302', '3D controller', '10de', 'NVIDIA Corporation', '25b6', 'GA107GL [A2 / A16]', ''],
] as const

/** Adds the PCI devices of a host: its disk, display, network ports, and a GPU to pass through. */
export function addPcis({ db }: GenerateContext, host: Ref<'host'>): void {
  for (const [pci_id, class_id, class_name, vendor_id, vendor_name, device_id, device_name, driver_name] of devices) {
    db.insert('PCI', {
      host,
      pci_id,
      class_id,
      class_name,
      vendor_id,
      vendor_name,
      device_id,
      device_name,
      driver_name,
      functions: pci_id.startsWith('0000:41') ? 2 : 1,
      subsystem_vendor_id: vendor_id,
      subsystem_vendor_name: vendor_name,
    })
  }
}
