/**
 * RSA keys of the simulated Google that signs push tokens, 2048 bits, as PKCS #8 in base64. They are public on purpose, and open nothing
 * but simulators: with fixed keys a token made before a restart still verifies after it.
 */

export const pushKeys = {
  /** What signs push tokens at first. */
  first: [
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCscq8L1T9MompPnSWmAMyd/LKqQ28ndok3igL9vT/Yc2ToB3rpqRyiswoj7p",
    "+rDqfdGAX3/CKaR3M3Ja8l1QzWDS1bLMuvzS/g4xxGNmTxGXeyzczZC2ZRScwGibodeaGnbrbgPiFVDc9qwitqICZYdKVymVXHfLOf/b81f3cV",
    "UKBKwSIU0ZAbbLKBnl96mFxzQAtYNOClpUsj3UMgpncSrCr/o8AbefVsMP49Y/ZfR1bNEnU2nKn3bWP6Q9Mg3agmXctfRVWeraAV5FDbR5UZXD",
    "VBabX+t2HySipZYjjjP4oeG3BsEf1OOYS+wMz4y2Hsn6smH4ouyQK4LQ5KqxIpAgMBAAECggEAAww8/OkfXdmn3RF/GEZH6c5WHFRBWhihFVvr",
    "p1PU8Qpmx955+aYXgcHHLKyLkCr3SR0QuV5wkrF4lhzuGvbIa93HwSZ8YxsJRin0REKOa9/f7SLLu3pMGcloHJMvJlURtcWPu5W49IUE0pftFI",
    "FgYvofFL22vvhqZE6jyMf78Rmcyb5iHdJ6HHU8gPwa52RjQMXD9UsXwBrLCBTdo4Q/pBLDaROJOmIWFb0x4LlI9YANmFuoG3PkXciI0JEyjaH/",
    "wATz5WgI8QVCAntdZ6+pLqLc4WxvkYvzqutC+daOQKVcGSIrhCAiLUJK6LRlypz7AnCtb4XIoxJBrvBjhWzwEQKBgQDs6Z+/kWQiZGv2pg+vOx",
    "NQeaVPmt7/5IwxOm6YYFum3b1XKzV07WZ5eRCpebHm1z4EABYCBamrf5Sb3UGWkYhtr7XsE75gyJiXFmohJFt3luikp3fVBrSb14ESoWLPPRoc",
    "4X8gz+ndzG2F1aRY2ZiootCAZa/MyXu+mhklMUPsNwKBgQC6V3Zpil5qCPx61HoALX1jvwfxfyfNWx75s+forW+gBGjQ9eEXeuOD0ZCQ1fDWFU",
    "Nd0uXd2tDvMe7QdTkd4ErRsp3p4zkExMyA6NG72/GbTAIh51NJGlfBLRUVE3nFxKtC4c7wIPhhQGYJ3gYt3izO4vKu8DjkfAbhFy3DMEmEnwKB",
    "gQCFWRppoVRTZ2K9ecrqPr4oVdAOdoV+Uw31x4XojpQH4FdqcQ+tuNItHU+blLvlytFFPyckDDvsI+tpr6fzMAcydexX7OUDZOU+ZYdnECfLsE",
    "1SIFD6vsN51Fr6OYx8SVAhYWtE9MIV7bLX2eCfghrDEKF7I8FH60CTj/kHTiuFEQKBgQCmQPK9J18la+8YCArxraR6Ii6MIM76QZpZX1JCHrvB",
    "IS4DgdzafiIPsiIxly/RUhdQ1qGQV3KidwKDqpLTPRKEFcEetERjJNLxEMhPu+TMkfw1E5cTWhWBnR96Nm4nLVk/ywg+5qu02SgxFY6dzeRckc",
    "/ElT+tW5snqO6Df8mYMQKBgAysbND3jf0YaNnCrpiM9NjFM+dc4lbkqCEf497ibNMIQJ3ef8vCIMHoFsgL9h/4Icbe71E5G5rLqKTXv/DBQMlH",
    "YeMN4TPuKmIaPNUrF9GrLReWgdVxGQErqqdEV+WBF6lwvxqQJehhU76DtzmTBbOz+W21Jfb2m1Flq03Ioe4U",
  ].join(""),
  /** What signs them after a rotation. */
  second: [
    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDD//EABdK2bhm0rJgrmO4fu+YGK10kzfeWG71VapZ2ghfBUOQwyIyP6ihXI2",
    "ZlnJDo0ofQblI+0J83xy6KneAWI+Ns+61n8oDFsnPDfsmv8sXl/LpO1iT/xpws7F/40/H5pHhaxgz3Xjx4Zf7MteXK210s1Ohwu4TS/K658Awk",
    "8ylc8YuNZjDztMXFtcTg4YNRVYlvWGtY8X4AvQhZzMLrKuyd4vDmfendVibAfybwD112PywwUxG96ZOVE7paCOaItntsAc6yEXO16bmhrKHR5J",
    "db6xP8zoXNHz7CztzXvxFnShlzFMR/kOUeFqw2pIxGFeT5KkJ76qADmQwCLeKHAgMBAAECggEAQOAMKOpEgz7xQkTov3GIzDc5Hayn0YFdZLG8",
    "2zODJynLbCD2zxDquc4TWTht8c8/hdj9vGdv0LvkH6XNyXMVU67AXff2P1Rc/FMjjz99yb/tckFTd7nZGFJoqlP5NlcNHokqjz1D2HM4R8/W5X",
    "KF4731WtwELiBbiCy8Nu52TpoalKANlXYT0NkuiCHSftcp7MLqyjundtye+I9Iz1OyCe7vAoQ3VHXt/tYfznsgUwfRP2r5/aHCPuC6Aw3eMXgf",
    "HKT1mdpjzo7S0mKav6+2FuTmuuOwbQjUOI8RrFPYQHzyjkUVOT1hZC2sXmAE+S7JX6on2W9M6dr+c98OGbUYPQKBgQD9qOiP7KN33JSeisBH6F",
    "wsigZ7+EXRUxz50KQdMrDEKDEX326P1mIzls9lmrQhekdopMVSoPXSbyZYnWe2o/B6FCFqX1+Qc2347WZkboL0ij9aL33RoU+oKU3XKuQCabpE",
    "JrZZIXUQPo5KMVz8eOsTFxYQ8xaN5Q31PWnigjuHPQKBgQDFztocjbAUXlQvyFWhyHbKbSkRyFrY0sJKjFJT3VDQQ09C6+8n6ztjI1PajftTjz",
    "AI47fZYDWLEIjcwppTyoIJ3rdw4NPQC2zdU+GqP50Yq6rodFJEEOJ4xP50FJeYEqyaqE8e65alIsG6FeO/h2TjBLJ58XhZTGQQ2ej33cPNEwKB",
    "gBhzKH9+8r7B7z1c6G3F8uSEJV3br3ceyMM3nioGUc2Ghjzj13db1bldRv5nLAeyDqICh9aQF0HCXvLZsT6EjNBnklT7fm2hAq+kymLR2COUE8",
    "kwnLMRFmmCGbOsua+V21NoW9k5hVwce4ChQ3I+gYIkjobxt3HT60WBNuyTWwONAoGAQkvSxFEkm58F3kHpmWCDl9LAOgqJkDQLFEs1aJA7fqGg",
    "lhBXRmzLqa10dEKz4kyST9hqjPt21pYDGOJMMRslPEOd/cIMm6TIpuFvN808TMF0dZZO4Cs8jDeSBLvGFxzjJq6UXgudoNkmTsT5YP7y7Ddtzf",
    "sFWACHZTJzp2d3MWsCgYBccC7kzlgsEslNpxFxrqhj0EJZJDQyQHVCgykcOD7PUJCfrRsiLkqtnn09AJ/ALiXE2UV98oWmt3xe/fbDRqKrEtPu",
    "h2JQOFJXw6Mlhs1b1IGUOalgKLDMP4yOvdA4ywVVZdAesENft8wmSKuXzRNizhi8cBfAHrXM6MgS1mn4Fw==",
  ].join(""),
  /** What belongs to nobody Google knows. */
  forger: [
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCoDomkmzL8BeDM5DJmeFDCFcucxP7jFZmOXDx2Q1YWiItUR/wMvB/w6l0nE/",
    "oQEyckioDXUBOUvhdMABr+RDswQAV46CQ1Ip5oOmwdmlvopqLFraoEhQr+JRIP1BJCZ374KHbP/2kN5egHhFc+YYPXPO5F1tz3mI03j5wUV2gr",
    "6suPvTrcMxKmf+ToCCZHZ/bqe6wdnOBwhP2tUlJOXtFaFl1Zj8V+Mzuj0fy5G/cuNzWm9CjpsIZlrNajZ3IEZgjiQVQKJVJuhGYB4zHUaKabzs",
    "RYafvobp+/pv/E1jPwZA/3JcxW2HC22b9B6bYZ92JTjICA0tpV8Hds+nL6vW9hAgMBAAECggEADUhA3AVMIpu6/avsySkp230U1PTDibe+UCsS",
    "uEIa1A3B/Uzx1cvUi8TqIdmJV6s72mkmml3WKQOxHFecdTYiphiZQMoQJTGcQB6bRueulepS+Q6rCPppjlaTC981+5DpzxEw+sAepx427XPUir",
    "Xy++2b42HXoFX/60FAE7d+IIz9VYOzfO6ufBIMZk8t/Z2dJO0mhIRqt/P/k8HxOXE79cpHPS0kKns0SNy8LEk+r2R76UlcDIJOaiqaAJ3HfLKL",
    "aLBANrfh26S+Hybq9MnViwcQzVIMnVWLZwfyFM8MZucAqJ3n8tTKjAHfsqg37YvYQAnCtFmfzXaQxN7S5P8oRQKBgQDs3W60he0GVs24qFiTCM",
    "UCakFJQL3s/F4ubQtDUTQPMchpBKQEcCH0a81B6yBUoYNm/2eofrFIFF1ahOHe7bRx9It3uU2zkvD8RYuphFhJ3CDsMU0pCsnM1XBeo0LYHVWm",
    "xf/5E9J0K43cW/O4fQmAMVA1SSrIToWejSWGhb7BdwKBgQC1ohgK+ey339brzHMl0EJgPCxPs+KYwkFsRE3+yrLrEBdnw4eSODlwRTrt/YqJqG",
    "eH7G67VoBgLsMlK+0tvu55hrYHumQJ5pFVFOhnyi9Aneiq2EWq6Yfbom64WyooT4Cik1u8QnniNgkhB++R0HknYfFMHjhIPik3kNKlMklL5wKB",
    "gQCUkdPFkZd5eWryH03ndAG2oRUwMFaw1h7w+d6tq7p+qVguXwXN7tOtbwzBAw01aFV2fk7zhfwG3RctFtpiLTEYpS3xu548O7fCVJDklCmYsm",
    "VIIShnzOeE/n/MLJVZ3xSBVgJXphJEYalKhbaainsyGDxaH/mgyHfRWnEmLq/WwwKBgC46WzQv9/e0mNba6lOtdbdYmU6P0hRfHJeZquA2ZuM8",
    "7TgTo+WrObNBa4Y3CZOPsQn/Ow+jLHlObYyAaZVDCx8TEjFVVzDN5h9pet0vsGcZyaXx9YlSdqmH5fY1/bzUv0ChkK+Rm8PfTOODSY4rKSrE2s",
    "0sw9ZfO85Qpcw1yEHxAoGAIxzVUoaWbE55cdGwjjtVvBfT/67ezYrjsFtsmPT9G1ny86jGtc4mT8T7sFIakNcKsrzssajoLHsbSQ4NbVTxJDzW",
    "FiMlEmMTezSJAO5M3rHvZj8t868DNYzBwafRcAvh4S2nj6rlCkIpFjjS+56ZrOa82fIU1wK8qrF5xFd2k2I=",
  ].join(""),
} as const;
export type PushKeyName = keyof typeof pushKeys;
