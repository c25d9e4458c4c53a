import type { Ref } from '../generated/rows.ts'
import type { GenerateContext } from './context.ts'

/** [vendor id, vendor, product id, product, path, version] by the USB ID database. */
const devices = [
  ['0529', 'Aladdin Knowledge Systems', '0001', 'HASP copy protection dongle', '1-3', '2.00'],
  ['0951', 'Kingston Technology', '1666', 'DataTraveler 100 G3/G4/SE9 G2/50 Kyson', '2-1', '3.20'],
] as const

/** Adds the USB devices of a host: a dongle and a stick, each of a kind with its own group. */
export function addUsbs({ db }: GenerateContext, host: Ref<'host'>): void {
  for (const [vendor_id, vendor_desc, product_id, product_desc, path, version] of devices) {
    const name_label = `Group of ${vendor_id} ${product_id} USBs`
    const found = [...db.rows('USB_group')].find(({ values }) => values.name_label === name_label)
    const USB_group = found?.ref ?? db.insert('USB_group', { name_label, other_config: {} })
    const description = `${vendor_desc}_${product_desc}`
    const kind = { vendor_id, vendor_desc, product_id, product_desc, path, version, description }
    db.insert('PUSB', { ...kind, host, USB_group, serial: '', speed: version === '3.20' ? 5000 : 12 })
  }
}
