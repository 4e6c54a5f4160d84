################################################################################
#
# winnow
#
################################################################################

# The program comes from the source tree that this external tree is part of. It
# is built there first, by "make arm64" or "make appliance": its go.mod may ask
# for a newer Go than Buildroot has.
WINNOW_TREE = $(realpath $(BR2_EXTERNAL_WINNOW_PATH)/..)
WINNOW_SOURCE =
WINNOW_LICENSE = Apache-2.0
WINNOW_LICENSE_FILES = LICENSE

ifeq ($(BR2_PACKAGE_WINNOW_APPLIANCE),y)
WINNOW_FROM = $(WINNOW_TREE)/dist/appliance-arm64
WINNOW_TARGET = appliance
define WINNOW_INSTALL_PROGRAM
	cp -a $(WINNOW_FROM)/usr $(TARGET_DIR)/
endef
else
WINNOW_FROM = $(WINNOW_TREE)/bin/winnow-linux-arm64
WINNOW_TARGET = arm64
define WINNOW_INSTALL_PROGRAM
	$(INSTALL) -D -m 0755 $(WINNOW_FROM) $(TARGET_DIR)/usr/bin/winnow
endef
endif

define WINNOW_EXTRACT_CMDS
	test -e $(WINNOW_FROM) || { echo "$(WINNOW_FROM) is not there: run 'make $(WINNOW_TARGET)' in $(WINNOW_TREE) first"; exit 1; }
	cp $(WINNOW_TREE)/LICENSE $(@D)/
endef

define WINNOW_INSTALL_TARGET_CMDS
	$(WINNOW_INSTALL_PROGRAM)
	$(INSTALL) -D -m 0644 $(call qstrip,$(BR2_PACKAGE_WINNOW_CONFIG)) $(TARGET_DIR)/etc/winnow/winnow.toml
endef

# Buildroot does not see that the program was built again, so every make installs it.
WINNOW_TARGET_FINALIZE_HOOKS += WINNOW_INSTALL_TARGET_CMDS

# BusyBox's init takes the scripts of the overlay.
define WINNOW_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(WINNOW_PKGDIR)/winnow.service $(TARGET_DIR)/usr/lib/systemd/system/winnow.service
	$(INSTALL) -D -m 0644 $(WINNOW_PKGDIR)/winnow.rules $(TARGET_DIR)/usr/lib/udev/rules.d/70-winnow.rules
endef

# The same numbers as in the emulated machine (emulator/overlay/etc).
define WINNOW_USERS
	- - gpio 501 - - - - -
	winnow 500 winnow 500 * /var/lib/winnow /bin/false video,gpio Winnow
endef

$(eval $(generic-package))
