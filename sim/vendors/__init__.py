"""The push services: mocks of APNs and GCM that keep to the real protocols byte for byte.

Each is assembled by one class, `apns.service.ApnsService` and `gcm.service.GcmService`, and runs
on the current asyncio loop. Providers and phones reach them over connections only; the scenario
engine and fleets additionally use the services' methods (provisioning in bulk, token look-up,
removals, faults).
"""
