include $(sort $(wildcard $(BR2_EXTERNAL_WINNOW_PATH)/package/*/*.mk))
