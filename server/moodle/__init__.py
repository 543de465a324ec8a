"""A Moodle site as seen by a phone, a browser and an AirNotifier gateway.

The generation built here is that of 2013: Moodle 2.5 with the AirNotifier message output as a
patch. Its pushes can have the fields of Moodle 2.7. What it is: login, REST web services, private
messages with their outputs, the settings that concern push notifications. What it is not: courses,
files, contact lists, languages other than English, a maintenance mode, guests, accounts waiting for
confirmation, restricted web services.
"""
