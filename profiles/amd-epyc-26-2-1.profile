tritmill-profile 1
cpu AuthenticAMD 26/2/1 AMD EPYC
caches 49152 1048576 33554432
isas c ssse3 avx2 avxvnni avx512bw avx512vnni avx512vbmi
kernels b5881da2fb442569
compiler GNU 12.2.0
made 2026-11-20T06:44:41Z
conditions weights cold, medians of interleaved samples, budget 78 s, M 1,512
limit threads 1 read_gbs 40.157 int8_gmacs 561.576
limit threads 2 read_gbs 81.179 int8_gmacs 1099.640
plan n 640 k 2560 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8 hash 3ee3354655a5a72e mc 0 nc 0 median_us 8.095 spread_us 0.188
plan n 640 k 2560 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vnni hash 8533cb981c2c1688 mc 0 nc 0 median_us 1597.413 spread_us 61.114
plan n 640 k 2560 threads 2 phase decode packing t2 act i8 tokens 1 kernel trit_gemv_t2_i8_1x32x16__avx512vbmi_p8 hash 0ffce2c59d86f6ca mc 0 nc 0 median_us 7.354 spread_us 0.131
plan n 640 k 2560 threads 2 phase prefill packing t2 act i8 tokens 512 kernel trit_gemm_t2_i8_12x32x16__avx512vbmi hash 3d7c0ed64db3708a mc 0 nc 0 median_us 811.180 spread_us 11.117
plan n 2560 k 2560 threads 1 phase decode packing t2 act i8 tokens 1 kernel trit_gemv_t2_i8_1x32x16__avx512vbmi_p8 hash 0ffce2c59d86f6ca mc 0 nc 0 median_us 42.259 spread_us 1.829
plan n 2560 k 2560 threads 1 phase prefill packing t2 act i8 tokens 512 kernel trit_gemm_t2_i8_12x32x16__avx512vbmi hash 3d7c0ed64db3708a mc 0 nc 0 median_us 6456.995 spread_us 239.806
plan n 2560 k 2560 threads 2 phase decode packing t2 act i8 tokens 1 kernel trit_gemv_t2_i8_1x64x16__avx512vnni_p8 hash 3389f6b0f6c36d0b mc 66 nc 256 median_us 26.063 spread_us 0.916
plan n 2560 k 2560 threads 2 phase prefill packing t2 act i8 tokens 512 kernel trit_gemm_t2_i8_6x64x16__avx512vnni hash 86f0f82d70ccff6a mc 66 nc 256 median_us 3081.788 spread_us 15.205
plan n 2560 k 6912 threads 1 phase decode packing t2 act i8 tokens 1 kernel trit_gemv_t2_i8_1x64x16__avx512bw_p8 hash d96d5121483ed3ea mc 0 nc 0 median_us 108.690 spread_us 3.069
plan n 2560 k 6912 threads 1 phase prefill packing t2 act i8 tokens 512 kernel trit_gemm_t2_i8_6x64x16__avx512vnni hash 86f0f82d70ccff6a mc 0 nc 0 median_us 16820.550 spread_us 49.944
plan n 2560 k 6912 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8 hash 3ee3354655a5a72e mc 0 nc 0 median_us 71.572 spread_us 4.463
plan n 2560 k 6912 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vnni hash 8533cb981c2c1688 mc 0 nc 0 median_us 9038.478 spread_us 82.055
plan n 6912 k 2560 threads 1 phase decode packing t2 act i8 tokens 1 kernel trit_gemv_t2_i8_1x32x16__avx512vbmi_p8 hash 0ffce2c59d86f6ca mc 0 nc 0 median_us 113.158 spread_us 3.396
plan n 6912 k 2560 threads 1 phase prefill packing t2 act i8 tokens 512 kernel trit_gemm_t2_i8_12x32x16__avx512vbmi hash 3d7c0ed64db3708a mc 0 nc 0 median_us 17493.415 spread_us 88.312
plan n 6912 k 2560 threads 2 phase decode packing t2 act i8 tokens 1 kernel trit_gemv_t2_i8_1x32x16__avx512vbmi_p8 hash 0ffce2c59d86f6ca mc 0 nc 0 median_us 92.033 spread_us 2.790
plan n 6912 k 2560 threads 2 phase prefill packing t2 act i8 tokens 512 kernel trit_gemm_t2_i8_12x32x16__avx512vbmi hash 3d7c0ed64db3708a mc 0 nc 0 median_us 9142.974 spread_us 42.756
end
